import CNetISR
import NetISR
import PacketIO

/// One of two interfaces inside of the host that are joined: what comes in by it is what the other end has sent.
enum InsideEnd {
  /// What is told of it.
  ///
  /// - Parameters:
  ///   - sent: frames that went from it to the other end, and `dropped` those that did not.
  ///   - received: frames that came from there.
  static func summary(
    _ end: UnsafeMutablePointer<ifnet>, kind: String, spec: String, sent: UInt64, dropped: UInt64, received: UInt64
  ) -> InterfaceSummary {
    var summary = unsafe InterfaceSummary(end, kind: kind, spec: spec, state: "up")
    summary.frames = received
    summary.entered = received
    summary.sent = sent
    summary.sendDropped = dropped
    return summary
  }

  /// Takes it away from the engine.
  static func withdraw(_ end: UnsafeMutablePointer<ifnet>, from engine: Engine) {
    unsafe DeviceLink.setUp(false, end)
    unsafe engine.interfaces.withdraw(end)
  }
}
