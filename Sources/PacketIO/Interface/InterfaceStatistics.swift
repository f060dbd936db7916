import CNetISR
import Synchronization

/// What one interface received, and what became of it.
///
/// frames = entered + tooShort + unsupported + noBuffers, at any moment.
public struct InterfaceStatistics: Sendable {
  /// Frames read.
  public internal(set) var frames: UInt64 = 0
  /// Bytes captured of them, link headers included.
  public internal(set) var bytes: UInt64 = 0
  /// Frames shorter than their link header.
  public internal(set) var tooShort: UInt64 = 0
  /// Packets that found no memory.
  public internal(set) var noBuffers: UInt64 = 0
  /// Frames that no protocol takes, by what they carry.
  public internal(set) var unsupported: [UnsupportedReason: UInt64] = [:]
  /// Times that the capture was read to its end.
  public internal(set) var passes: UInt64 = 0
  private var perProtocol = InlineArray<16, UInt64>(repeating: 0)

  /// Reasons that are kept apart; a capture of noise can't make the table grow without bound.
  static let reasonLimit = 64

  /// No frames yet.
  public init() {}

  /// Packets handed to the protocol with this number; 0 for a number that no protocol can have.
  public func entered(proto: UInt32) -> UInt64 {
    proto < perProtocol.count ? perProtocol[Int(proto)] : 0
  }

  /// Packets handed to any protocol.
  public var entered: UInt64 {
    var sum: UInt64 = 0
    for index in perProtocol.indices { sum += perProtocol[index] }
    return sum
  }

  /// Adds another's figures: of the interface's other queues, or of its earlier life.
  public mutating func add(_ other: InterfaceStatistics) {
    frames += other.frames
    bytes += other.bytes
    tooShort += other.tooShort
    noBuffers += other.noBuffers
    passes += other.passes
    unsupported.merge(other.unsupported, uniquingKeysWith: +)
    for index in perProtocol.indices { perProtocol[index] += other.perProtocol[index] }
  }

  mutating func countEntered(_ proto: UInt32) {
    perProtocol[Int(proto)] += 1
  }

  mutating func count(_ refusal: FrameRefusal) {
    switch refusal {
    case .tooShort: tooShort += 1
    case .unsupported(let reason):
      let kept = unsupported[reason] != nil || unsupported.count < Self.reasonLimit ? reason : .others
      unsupported[kept, default: 0] += 1
    }
  }
}

/// The latest statistics of an interface, for readers on any thread.
public final class InterfaceMeter: Sendable {
  private let latest = Mutex(InterfaceStatistics())

  /// The statistics as of the end of the last poll.
  public var statistics: InterfaceStatistics { latest.withLock { $0 } }

  func publish(_ statistics: InterfaceStatistics) {
    latest.withLock { $0 = statistics }
  }
}
