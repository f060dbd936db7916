import CNetISR

// Safe: `interface` is a private pointer that the creator promises to keep valid as long as packets of it live.

/// What becomes of each frame of an interface: it is counted, decoded, copied into an mbuf, and sent on.
///
/// A value of its own, so that a poll takes hold of all that changes with each frame once. Nothing changes while it
/// sends but what waits: see `PacketRun`.
@safe
struct FrameReceiver: ~Copyable {
  let linkType: LinkType
  private let interface: UnsafeMutablePointer<ifnet>
  private let run: PacketRun
  private(set) var statistics = InterfaceStatistics()
  /// Since the latest `nextPass`.
  private(set) var framesOfPass = 0
  private var clock = CaptureClock()

  init(linkType: LinkType, interface: UnsafeMutablePointer<ifnet>, sink: any FrameSink) {
    self.linkType = linkType
    unsafe self.interface = interface
    run = PacketRun(sink: sink)
  }

  /// Takes a frame. Its packet waits for others of its protocol until `send`.
  @inline(__always)
  mutating func receive(_ frame: RawSpan, _ record: CapturedFrame, _ offload: FrameOffload = FrameOffload()) {
    framesOfPass += 1
    statistics.frames += 1
    statistics.bytes += UInt64(frame.byteCount)
    let time = clock.time(of: record.timestamp)
    var delivery: Delivery
    do {
      delivery = try LinkDecoder.decode(frame, wireLength: record.wireLength, linkType: linkType)
    } catch {
      statistics.count(error)
      return
    }
    delivery.restore(offload)
    guard
      let packet = unsafe PacketBuilder.packet(delivery, of: frame, timestamp: time, interface: interface)
    else {
      statistics.noBuffers += 1
      return
    }
    statistics.countEntered(delivery.proto)
    unsafe run.add(packet, proto: delivery.proto)
  }

  /// Whether it is time to send: sources stop then.
  @inline(__always)
  var isFull: Bool { run.isFull }

  /// Sends what waits. Plugins' code may run.
  func send() { run.send() }

  /// The file ended.
  mutating func countPass() { statistics.passes += 1 }

  /// The file begins again, and time goes on.
  mutating func nextPass() {
    clock.nextPass()
    framesOfPass = 0
  }
}
