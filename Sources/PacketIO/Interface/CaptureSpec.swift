/// A capture as the user asked for it: `file:PATH?loop=3&pps=1000&vnet=1&pair`.
public struct CaptureSpec: Hashable, Sendable {
  /// The file.
  public var path: String
  /// How often it is read; nil is for ever.
  public var passes: UInt64?
  /// The pace, or nil for as fast as packets are taken.
  public var packetsPerSecond: UInt64?
  /// The virtual stack of the interface.
  public var vnet: UInt32
  /// Whether Ethernet frames are sent into one end of a pair, and come in at the other: through epair.
  public var isPaired: Bool

  /// The capture at `path`, read once, as fast as packets are taken, unless said otherwise.
  public init(
    path: String, passes: UInt64? = 1, packetsPerSecond: UInt64? = nil, vnet: UInt32 = 0, isPaired: Bool = false
  ) {
    self.path = path
    self.passes = passes
    self.packetsPerSecond = packetsPerSecond
    self.vnet = vnet
    self.isPaired = isPaired
  }

  static let options = ["loop", "loop=N", "pair", "pps=N", "vnet=N"]

  init(_ text: SpecText) throws(InterfaceSpecError) {
    guard !text.address.isEmpty else { throw text.error("expected a path after \"file:\"") }
    // In a path, "?" begins the options, so "%3F" stands for it.
    self.init(path: String(text.address.replacing("%3F", with: "?").replacing("%3f", with: "?")))
    for option in text.options {
      switch option.name {
      case "loop": passes = option.value == nil ? nil : try text.number(option, in: 1...UInt64.max)
      case "pair":
        guard option.value == nil else {
          throw text.error("option \"pair\" takes no value, found \"\(option.value!)\"")
        }
        isPaired = true
      case "pps": packetsPerSecond = try text.number(option, in: 1...1_000_000_000)
      case "vnet": vnet = UInt32(try text.number(option, in: 0...UInt64(UInt32.max)))
      default: throw text.unknown(option, accepted: Self.options)
      }
    }
  }
}
