/// Why a capture can't be read, or can't be read further.
public struct CaptureError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The ways in which a capture fails.
  public enum Kind: Hashable, Sendable {
    /// The file can't be opened; the text is the system's.
    case cannotOpen
    /// The file does not begin as a capture does; the text is libpcap's.
    case notACapture
    /// The link type is none of `LinkType`.
    case unsupportedLinkType(number: Int32)
    /// The file ends, or goes wrong, in or before the packet after `packets`; the text is libpcap's.
    case damaged
  }

  /// What is wrong.
  public let kind: Kind
  /// The file as the user named it.
  public let path: String
  /// How many packets came before the damage; all of them were delivered.
  public let packets: Int
  /// libpcap's or the system's words.
  public let reason: String

  init(_ kind: Kind, path: String, packets: Int = 0, reason: String) {
    self.kind = kind
    self.path = path
    self.packets = packets
    self.reason = reason
  }

  /// One line: the file, what was expected, what was found.
  public var description: String {
    switch kind {
    case .cannotOpen: "\(path): cannot open: \(reason)"
    case .notACapture: "\(path): expected a pcap or pcapng file: \(reason)"
    case .unsupportedLinkType(let number):
      "\(path): link type \(number), \(reason), is not supported; supported are \(LinkType.supportedNames)"
    case .damaged: "\(path): damaged at packet \(packets + 1), \(packets) before it were read: \(reason)"
    }
  }
}
