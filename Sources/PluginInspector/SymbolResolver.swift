import CLibELF
import Glibc
import Synchronization

/// What one library of the system defines.
struct LibraryIndex: Sendable {
  struct Definition: Sendable {
    let version: String?
    let isHidden: Bool
  }

  let path: String
  let needed: [String]
  let versions: Set<String>
  let symbols: [String: [Definition]]

  /// As glibc binds: a versioned reference to that version, or to an object without versions; a plain one to the
  /// default version, or to the only one there is.
  func provides(_ name: String, _ version: SymbolVersion?) -> Bool {
    guard let definitions = symbols[name] else { return false }
    return definitions.contains { definition in
      guard let wanted = version?.name else { return !definition.isHidden || definitions.count == 1 }
      return definition.version == wanted || definition.version == nil
    }
  }
}

/// Finds libraries where the loader will, and reads their symbols: a needed library proves nothing by its name alone.
///
/// An Embedded Swift plugin that compares strings needs `libc.so.6` and nothing else, links without a word, and fails
/// when it is loaded. Only looking into the library tells.
///
/// Libraries of the system are read once per process, and again when the file is another one.
enum SymbolResolver {
  private struct Identity: Hashable {
    let device: UInt
    let inode: UInt
    let size: Int
    let modified: Int
    let changed: Int
  }

  private static let cache = Mutex<[String: (Identity, LibraryIndex)]>([:])

  /// The library that the loader would take for `name`, if there is one that can be read.
  static func find(_ name: String, runPath: [String], _ policy: InspectionPolicy) -> LibraryIndex? {
    if let path = loadedPath(of: name), let index = read(path) { return index }
    for directory in runPath + policy.libraryDirectories {
      if let index = read(directory + "/" + name) { return index }
    }
    return nil
  }

  /// A library that is loaded already is the one that a plugin gets, wherever it came from. Nothing is loaded here.
  private static func loadedPath(of name: String) -> String? {
    guard let handle = unsafe dlopen(name, RTLD_LAZY | RTLD_NOLOAD) else { return nil }
    defer { _ = unsafe dlclose(handle) }
    // glibc's handle is the object's entry in the link map: dlinfo(3) with RTLD_DI_LINKMAP hands back the same address.
    guard let path = unsafe handle.assumingMemoryBound(to: link_map.self).pointee.l_name else { return nil }
    return unsafe String(cString: path)
  }

  private static func read(_ path: String) -> LibraryIndex? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    let identity = Identity(
      device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
      modified: status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec,
      changed: status.st_ctim.tv_sec &* 1_000_000_000 &+ status.st_ctim.tv_nsec)
    if let (known, index) = cache.withLock({ $0[path] }), known == identity { return index }
    guard let bytes = FileBytes(descriptor: descriptor, size: Int(status.st_size)),
      let index = unsafe index(bytes.buffer, path)
    else { return nil }
    cache.withLock { $0[path] = (identity, index) }
    return index
  }

  private static func index(_ bytes: UnsafeRawBufferPointer, _ path: String) -> LibraryIndex? {
    var findings = Findings()
    guard unsafe IdentityChecks.check(bytes, &findings), let file = unsafe ELFFile(bytes),
      file.header.e_machine == UInt16(IdentityChecks.machine.number)
    else { return nil }
    let image = ELFImage(file, segments: HeaderChecks.segments(file, &findings), &findings)
    var symbols: [String: [LibraryIndex.Definition]] = [:]
    for symbol in image.symbols.all where symbol.isExported {
      symbols[symbol.name, default: []].append(
        LibraryIndex.Definition(version: symbol.version?.name, isHidden: symbol.version?.isHidden ?? false))
    }
    return LibraryIndex(
      path: path, needed: image.needed, versions: Set(image.symbols.versions.definedNames), symbols: symbols)
  }
}
