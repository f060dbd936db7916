/// What the bytes of one file say, and whether they may be loaded.
///
/// Encodes to the object that `netisr inspect --json` prints; keys without a value are left out.
public struct InspectionReport: Sendable, Equatable, Encodable {
  /// Whether the file may be loaded.
  public enum Verdict: String, Sendable, Encodable {
    case accepted, refused
  }

  /// Whether an image of the file may be unmapped once no thread runs its code.
  public enum Unload: String, Sendable, Encodable {
    case unmaps, resident
  }

  /// One sentence about one check: what was expected, what was found, and where.
  public struct Finding: Sendable, Equatable, Encodable {
    /// The check that found it.
    public var check: InspectionCheck
    /// The sentence.
    public var message: String

    /// A finding of `check`.
    public init(check: InspectionCheck, message: String) {
      self.check = check
      self.message = message
    }
  }

  /// The ABI note's numbers, as they stand in the file (`struct netisr_abi`).
  public struct ABI: Sendable, Equatable, Encodable {
    /// The contract's version that the plugin was compiled against.
    public var major: UInt16
    /// Its minor version.
    public var minor: UInt16
    /// The protocol number that registration will ask for.
    public var proto: UInt32
    /// Version of the plugin's tables: another one starts empty.
    public var stateVersion: UInt32
    /// `sizeof(struct netisr_handler)`, in bytes.
    public var handlerSize: UInt32
    /// `sizeof(struct mbuf)`, in bytes.
    public var mbufSize: UInt32
    /// No flag is defined yet.
    public var flags: UInt32
    /// The author's own version.
    public var pluginVersion: UInt32

    enum CodingKeys: String, CodingKey {
      case major, minor, proto, flags
      case stateVersion = "state_version"
      case handlerSize = "handler_size"
      case mbufSize = "mbuf_size"
      case pluginVersion = "plugin_version"
    }
  }

  /// The name that the caller gave.
  public var file: String
  /// Refused if there is any problem, or, under a strict policy, any note.
  public var verdict = Verdict.refused
  /// Resident if there is any reason for it.
  public var unload = Unload.resident
  /// Why an image must stay mapped; empty if it need not.
  public var residentReasons: [String] = []
  /// The plugin's name from its note, if it is a valid one.
  public var name: String?
  /// The GNU build-id in lower-case hexadecimal.
  public var buildID: String?
  /// SHA-256 of all bytes in lower-case hexadecimal.
  public var sha256: String
  /// The number of the key whose good signature the file has, in hexadecimal; nil where nobody looked for one.
  public var signedBy: String?
  /// The ABI note, if there is exactly one of the right size.
  public var abi: ABI?
  /// Every reason to refuse the file.
  public var problems: [Finding] = []
  /// What a strict policy would refuse as well.
  public var notes: [Finding] = []
  /// Names that the dynamic symbol table leaves undefined, sorted, weak ones too.
  public var imports: [String] = []
  /// Names that other objects can bind to, sorted.
  public var exports: [String] = []
  /// The needed libraries, in the order of the file.
  public var needed: [String] = []
  /// How the file was hardened when it was linked.
  public var hardening = Hardening()

  init(file: String, sha256: String) {
    self.file = file
    self.sha256 = sha256
  }

  enum CodingKeys: String, CodingKey {
    case file, verdict, unload, name, sha256, abi, problems, notes, imports, exports, needed, hardening
    case residentReasons = "resident_reasons"
    case buildID = "build_id"
    case signedBy = "signed_by"
  }
}
