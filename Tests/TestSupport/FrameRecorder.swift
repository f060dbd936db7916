import CNetISR
import NetISR

/// An interface's output that keeps what it is given.
public final class FrameRecorder: InterfaceOutput, @unchecked Sendable {
  private let lock = Lock()
  private var kept: [[UInt8]] = []
  /// What `transmit` answers; the frame is let go if it is not 0.
  public var answer: Int32 = 0

  /// Nothing was sent yet.
  public init() {}

  /// What was sent since the last look, in order.
  public func take() -> [[UInt8]] {
    lock.withLock {
      defer { kept = [] }
      return kept
    }
  }

  /// Keeps the frame, or lets it go.
  public func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
    var bytes = [UInt8](repeating: 0, count: Int(m.pointee.m_pkthdr.len))
    let error = m_copydata(m, 0, Int32(bytes.count), &bytes)
    precondition(error == 0, "m_pkthdr.len says more than the chain has")
    m_freem(m)
    if answer == 0 { lock.withLock { kept.append(bytes) } }
    return answer
  }

  /// Nothing ever waits.
  public func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 { 0 }
}
