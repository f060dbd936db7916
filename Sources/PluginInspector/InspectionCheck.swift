/// What the inspector looks at. The raw values are the names that reports and the command print.
///
/// All checks up to ``refusedImport`` refuse a file. The last three are notes: they refuse only under a strict policy.
public enum InspectionCheck: String, CaseIterable, Sendable, Encodable {
  /// The file begins as an ELF file does.
  case notELF = "not-elf"
  /// Everything that the headers name lies within the file.
  case truncated
  /// 64-bit.
  case elfClass = "elf-class"
  /// Little endian.
  case byteOrder = "byte-order"
  /// Made for the machine that this process runs on.
  case machine
  /// A shared object, and not a position-independent executable.
  case elfType = "elf-type"
  /// Headers, segments and the dynamic section's tables make sense, to the letter of what the loader demands.
  case headers
  /// One ABI note, each field of it as `netisr_plugin.h` says.
  case abiNote = "abi-note"
  /// Made for this host's version of the contract, or an older minor one.
  case abiVersion = "abi-version"
  /// The contract's structures have the sizes that this host knows.
  case structSize = "struct-size"
  /// From 1 to `NETISR_MAXPROT - 1`.
  case protocolNumber = "protocol-number"
  /// `netisr_plugin_register` is there and can be called.
  case registrationSymbol = "registration-symbol"
  /// Every symbol that the loader must find is the host's, or in a library that the policy allows.
  case undefinedSymbol = "undefined-symbol"
  /// The needed libraries are allowed, and are there.
  case neededLibrary = "needed-library"
  /// Nothing read-only is relocated.
  case textRelocation = "text-relocation"
  /// No segment is writable and executable.
  case writableExecutable = "writable-executable"
  /// The stack need not be executable.
  case executableStack = "executable-stack"
  /// The library search path is absolute.
  case runPath = "run-path"
  /// Nobody but root and this process's user can have written the file.
  case permissions
  /// Whoever signed the file is trusted, and signed just these bytes.
  case signature
  /// An import that the host's operator refuses.
  case refusedImport = "refused-import"

  /// Code that the loader would run before the contract is checked.
  case constructor
  /// The file defines a name that the host exports.
  case symbolCollision = "symbol-collision"
  /// An import that can reach outside of what a handler has to do.
  case sensitiveImport = "sensitive-import"

  /// Whether a finding is a note: it refuses the file only under a strict policy.
  public var isNote: Bool {
    switch self {
    case .constructor, .symbolCollision, .sensitiveImport: true
    default: false
    }
  }
}
