/// What `--interface` takes: `SCHEME:ADDRESS?OPTION&OPTION=VALUE`.  Without a scheme it is the path of a capture.
public enum InterfaceSpec: Hashable, Sendable {
  /// `file:PATH`, or a bare path.
  case capture(CaptureSpec)
  /// `packet:DEVICE` or `tap:DEVICE`.
  case live(LiveSpec)
  /// `epair:NAME`.
  case pair(PairSpec)
  /// `atm:NAME`.
  case circuit(CircuitSpec)
  /// `netlink:`.
  case netlink(NetlinkSpec)

  /// Parses what the user wrote.
  public init(parsing text: String) throws(InterfaceSpecError) {
    let parts = try SpecText(text)
    switch parts.scheme {
    case nil, "file": self = .capture(try CaptureSpec(parts))
    case "packet": self = .live(try LiveSpec(.packet, parts))
    case "tap": self = .live(try LiveSpec(.tap, parts))
    case "epair": self = .pair(try PairSpec(parts))
    case "atm": self = .circuit(try CircuitSpec(parts))
    case "netlink": self = .netlink(try NetlinkSpec(parts))
    case let scheme?:
      throw parts.error("unknown scheme \"\(scheme)\"; expected \(Self.schemes)")
    }
  }

  private static let schemes =
    "file:PATH, packet:DEVICE, tap:DEVICE, epair:NAME, atm:NAME, netlink:, or a path (with a \"/\" in it if it has a \":\")"
}

/// Why an interface can't be made of a text.  `description` is one line with the text in it.
public struct InterfaceSpecError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What the user wrote.
  public let text: String
  /// What was expected, and what was found.
  public let problem: String

  /// The text, quoted, and the problem.
  public var description: String { "interface \"\(text)\": \(problem)" }
}
