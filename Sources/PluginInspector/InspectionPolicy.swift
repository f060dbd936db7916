import Glibc

/// What a host lets a plugin have.
public struct InspectionPolicy: Sendable {
  /// Names that the host exports: a plugin may leave them undefined, and should not define them.
  public var hostExports: Set<String>

  /// Libraries that a plugin may need, by the name in `DT_NEEDED`.
  public var allowedLibraries: Set<String>

  /// Beginnings of further allowed names: `libswift` stands for the toolchain's whole family of run-time libraries.
  public var allowedLibraryPrefixes: [String]

  /// Shell patterns of further allowed names, see fnmatch(3).
  public var allowedLibraryPatterns: [String] = []

  /// What the operator says of imports: the first rule that fits goes before the built-in list.
  public var importRules: [ImportRule] = []

  /// Whether the built-in list of sensitive imports counts.
  public var reportsSensitiveImports = true

  /// Whose signatures count; nil: nobody looks for any.
  public var signatures: SignaturePolicy?

  /// Where needed libraries are looked for, after those that are loaded already and the file's own absolute run path.
  public var libraryDirectories: [String]

  /// Notes refuse a file too.
  public var isStrict: Bool

  /// The host was built with a sanitizer, and its run-time library provides that sanitizer's symbols.
  public var isHostSanitized: Bool

  /// A policy; each default is what this project's own host uses.
  public init(
    hostExports: Set<String> = Set(HostExports.names),
    allowedLibraries: Set<String> = InspectionPolicy.systemLibraries,
    allowedLibraryPrefixes: [String] = ["libswift"],
    libraryDirectories: [String] = InspectionPolicy.systemLibraryDirectories,
    isStrict: Bool = false,
    isHostSanitized: Bool = InspectionPolicy.processIsSanitized
  ) {
    self.hostExports = hostExports
    self.allowedLibraries = allowedLibraries
    self.allowedLibraryPrefixes = allowedLibraryPrefixes
    self.libraryDirectories = libraryDirectories
    self.isStrict = isStrict
    self.isHostSanitized = isHostSanitized
  }

  /// The C library and its parts, the compilers' run-time libraries, and what `Foundation` brings along.
  ///
  /// Everything else would bring code that nobody inspected into the host, with constructors and threads of its own.
  public static let systemLibraries: Set<String> = [
    "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2", "libutil.so.1",
    "libgcc_s.so.1", "libstdc++.so.6", "libatomic.so.1",
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
    "libFoundation.so", "libFoundationEssentials.so", "libFoundationInternationalization.so",
    "lib_FoundationICU.so", "libdispatch.so", "libBlocksRuntime.so",
  ]

  /// The loader's own directories, see ld.so(8): Debian's multiarch ones, then the plain ones.
  public static let systemLibraryDirectories: [String] = {
    #if arch(x86_64)
      let triple = "x86_64-linux-gnu"
    #else
      let triple = "aarch64-linux-gnu"
    #endif
    return ["/lib/\(triple)", "/usr/lib/\(triple)", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"]
  }()

  /// Whether this process carries a sanitizer's run-time library.
  public static var processIsSanitized: Bool {
    ["__asan_init", "__tsan_init"].contains { (symbol: String) in unsafe dlsym(nil, symbol) != nil }
  }

  func allowsLibrary(_ name: String) -> Bool {
    allowedLibraries.contains(name)
      || allowedLibraryPrefixes.contains { name.hasPrefix($0) } && name.hasSuffix(".so")
      || allowedLibraryPatterns.contains { name.fits($0) }
  }

  func providesSanitizer(_ symbol: String) -> Bool {
    isHostSanitized
      && ["__asan_", "__tsan_", "__ubsan_", "__sanitizer_", "__lsan_"].contains { symbol.hasPrefix($0) }
  }
}
