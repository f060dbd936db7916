import PacketIO

/// An interface, and what came in by it.
///
/// frames = entered + too_short + the sum of unsupported + no_buffers.
public struct InterfaceSummary: Codable, Sendable {
  /// `file0`, `file1`, ...
  public var name: String
  /// The file that it reads.
  public var file: String
  /// libpcap's name of the link type.
  public var linktype: String
  /// `running`, `ended`, or what is wrong.
  public var state: String
  /// Times that the file was read to its end.
  public var passes: UInt64
  /// Frames read.
  public var frames: UInt64
  /// Bytes captured of them.
  public var bytes: UInt64
  /// Packets handed to a protocol.
  public var entered: UInt64
  /// Frames shorter than their link header.
  public var tooShort: UInt64
  /// Frames that no protocol takes, by what they carry.
  public var unsupported: [String: UInt64]
  /// Frames for which there was no memory.
  public var noBuffers: UInt64

  enum CodingKeys: String, CodingKey {
    case name, file, linktype, state, passes, frames, bytes, entered, unsupported
    case tooShort = "too_short"
    case noBuffers = "no_buffers"
  }

  init(name: String, file: String, linkType: LinkType, state: String, _ statistics: InterfaceStatistics) {
    self.name = name
    self.file = file
    linktype = linkType.name
    self.state = state
    passes = statistics.passes
    frames = statistics.frames
    bytes = statistics.bytes
    entered = statistics.entered
    tooShort = statistics.tooShort
    unsupported = Dictionary(
      statistics.unsupported.map { ($0.key.description, $0.value) }, uniquingKeysWith: { $0 + $1 })
    noBuffers = statistics.noBuffers
  }
}
