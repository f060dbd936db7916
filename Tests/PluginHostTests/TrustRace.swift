import Foundation
import Glibc
import PluginHost
import PluginInspector
import TestSupport

/// Builds of one plugin, "race", and the bytes and signatures that a thread puts in each other's place.
struct TrustRace {
  /// One build: what is in its file, and how its code is told from others'.
  struct Build {
    let bytes: [UInt8]
    let signature: [UInt8]
    let sha256: String
    let buildID: String
    /// The queue limit that its code registers.
    let mark: Int
  }

  let folder: String
  var file: String { "\(folder)/race.so" }
  var keys: String { "\(folder)/keys" }
  /// Signed by the key that counts.
  let good: [Build]
  /// Signed by another; it has the build-id of the first good one.
  let forged: Build

  /// Files and keys in a folder.
  ///
  /// - Parameter padding: bytes behind each build: a large file is longer on its way.
  init(in folder: String, padding: Int = 0) throws {
    self.folder = folder
    mkdir("\(folder)/keys", 0o755)
    chmod("\(folder)/keys", 0o755)
    let trusted = try SecretKey.makeFiles(prefix: "\(folder)/trusted")
    Glibc.rename(trusted.public, "\(folder)/keys/trusted.pub")
    let other = try SecretKey.makeFiles(prefix: "\(folder)/other")
    func build(_ mark: Int, id: String, key: String) throws -> Build {
      let path = "\(folder)/build\(mark).so"
      try CPlugin.compile(Self.source(mark: mark), to: path, flags: ["-Wl,--build-id=0x\(id)"])
      let size = try Self.read(path).count
      truncate(path, off_t(size + padding))
      let signature = try SecretKey(file: key).sign(file: path)
      let bytes = try Self.read(path)
      return Build(
        bytes: bytes, signature: try Self.read(signature), sha256: SHA256.hexDigest(of: bytes), buildID: id, mark: mark)
    }
    let ids = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"]
    good = try [build(101, id: ids[0], key: trusted.secret), build(102, id: ids[1], key: trusted.secret)]
    forged = try build(666, id: ids[0], key: other.secret)
  }

  private static func read(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private static func source(mark: Int) -> String {
    """
    #include <CNetISR.h>
    NETISR_PLUGIN("race", 11, 1, 1);
    static void input(struct mbuf *m) { m_freem(m); }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      nhp->nh_name = "race";
      nhp->nh_handler = input;
      nhp->nh_proto = 11;
      nhp->nh_policy = NETISR_POLICY_SOURCE;
      nhp->nh_qlimit = \(mark);
      return (0);
    }
    """
  }

  // MARK: Ways to exchange files

  /// A new file in the place of the old, in one step.
  func rename(_ bytes: [UInt8], to path: String) {
    let staged = path + ".staged"
    guard let file = fopen(staged, "w") else { return }
    fwrite(bytes, 1, bytes.count, file)
    fchmod(fileno(file), 0o644)
    fclose(file)
    Glibc.rename(staged, path)
  }

  /// Other bytes in the same file, piece by piece, while others may read it.
  func overwrite(_ bytes: [UInt8], at path: String) {
    let file = open(path, O_WRONLY | O_CREAT, 0o644)
    guard file >= 0 else { return }
    for start in stride(from: 0, to: bytes.count, by: 4096) {
      let end = min(start + 4096, bytes.count)
      bytes.withUnsafeBytes { _ = pwrite(file, $0.baseAddress! + start, end - start, off_t(start)) }
    }
    ftruncate(file, off_t(bytes.count))
    close(file)
  }

  /// One exchange of many kinds: of the plugin, of its signature, or of both.
  func exchange(_ random: inout SeededGenerator) {
    let signature = file + SignatureFile.suffix
    let build = random.next(below: 3) == 0 ? forged : good[random.next(below: 2)]
    switch random.next(below: 6) {
    case 0: overwrite(build.bytes, at: file)
    case 1: rename(build.bytes, to: file)
    case 2: rename(build.signature, to: signature)
    case 3: overwrite(build.signature, at: signature)
    case 4: unlink(signature)
    default:
      rename(build.bytes, to: file)
      rename(build.signature, to: signature)
    }
  }
}

/// Writes a forged build into the memory files of "race", as long as they let anybody.
final class MemoryFileForger: @unchecked Sendable {
  private let bytes: [UInt8]
  // On the attacker's thread only. A descriptor's number is the lowest that is free: mostly the same again.
  private var usual: [String] = []

  /// With the beginning of a build, which is what has code.
  init(_ forged: TrustRace.Build) { bytes = Array(forged.bytes.prefix(8192)) }

  /// Looks where they were before, many times, and then everywhere.
  func attack() {
    for _ in 0..<100 {
      for path in usual { forge(path) }
    }
    guard let listing = opendir("/proc/self/fd") else { return }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      let path = "/proc/self/fd/\(name)"
      if forge(path) && !usual.contains(path) { usual.append(path) }
    }
  }

  /// Whether a descriptor was that of such a file.
  @discardableResult
  private func forge(_ path: String) -> Bool {
    var target = [UInt8](repeating: 0, count: 64)
    let count = readlink(path, &target, target.count)
    // Other tests of this process load plugins, too.
    guard count > 0, target.starts(with: "/memfd:netisr:race#".utf8) else { return false }
    let file = open(path, O_RDWR | O_CLOEXEC)
    guard file >= 0 else { return true }
    defer { close(file) }
    // The number may be another file's by now.
    let own = "/proc/self/fd/\(file)"
    guard readlink(own, &target, target.count) > 0, target.starts(with: "/memfd:netisr:race#".utf8) else { return true }
    // One write waits while the host's own is under way, and is through before the seal.
    while bytes.withUnsafeBytes({ pwrite(file, $0.baseAddress, $0.count, 0) }) > 0 {}
    return true
  }
}

extension SeededGenerator {
  mutating func next(below bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
