import CNetISR

// Safe: `interface` is a private pointer that the creator promises to keep valid as long as packets of it live.

/// A capture file as a network interface: what was captured comes in as if it were received now.
///
/// The interface only listens, and its time is the capture's own.  It belongs to the thread that polls it; `meter` may
/// be read by others.
@safe
public final class CaptureInterface {
  /// What a poll came to.
  public enum Progress: Hashable, Sendable {
    /// The limit was reached; there is more.
    case more
    /// The pace asks for this many nanoseconds of waiting.
    case wait(nanoseconds: UInt64)
    /// There is nothing more.
    case ended
  }

  /// What the user asked for.
  public let spec: CaptureSpec
  /// What the frames of the capture begin with.
  public let linkType: LinkType
  /// The interface's statistics, for readers on any thread.
  public let meter = InterfaceMeter()

  private let interface: UnsafeMutablePointer<ifnet>
  private let sink: any FrameSink
  /// nil after the end, or after damage.
  private var reader: CaptureReader?
  private var clock = CaptureClock()
  private var pacer: Pacer?
  private var statistics = InterfaceStatistics()
  private var framesOfPass = 0

  /// An interface that reads from `reader`, which must have been opened with the path of `spec`.
  ///
  /// - Parameters:
  ///   - interface: made by the host with the traits of the reader's link type; outlives every packet.
  ///   - sink: gets the packets.
  public init(
    _ spec: CaptureSpec, reader: consuming CaptureReader, interface: UnsafeMutablePointer<ifnet>, sink: any FrameSink
  ) {
    self.spec = spec
    linkType = reader.linkType
    pacer = spec.packetsPerSecond.map { Pacer(perSecond: $0) }
    unsafe self.interface = interface
    self.sink = sink
    self.reader = consume reader
  }

  /// Reads up to `limit` frames and hands them over.
  ///
  /// - Parameter now: nanoseconds of a steady clock, for the pace.
  /// - Throws: the capture is damaged; what came before was delivered, and the interface has ended.
  public func poll(now: UInt64, limit: Int) throws(CaptureError) -> Progress {
    defer { meter.publish(statistics) }
    var left = limit
    while reader != nil {
      guard left > 0 else { return .more }
      if let wait = pacer?.wait(at: now) { return .wait(nanoseconds: wait) }
      if try receiveFrame() {
        left -= 1
        pacer?.advance()
      } else {
        try endPass()
      }
    }
    return .ended
  }

  /// Begins the capture again from its first frame, as another pass of a loop does: time goes on.
  ///
  /// - Throws: the file can't be opened any more; the interface has ended.
  public func rewind() throws(CaptureError) {
    reader = nil
    clock.nextPass()
    framesOfPass = 0
    reader = try CaptureReader(path: spec.path)
  }

  /// Bytes of the file that were taken in this pass, and all of them (0: unknown), for a display of progress.
  public var fileProgress: (offset: Int, size: Int) {
    (reader?.fileOffset ?? 0, reader?.fileSize ?? 0)
  }

  /// Hands one frame over; false at the end of the file.
  private func receiveFrame() throws(CaptureError) -> Bool {
    do {
      guard try reader?.next({ receive($0, $1) }) != nil else { return false }
      return true
    } catch {
      reader = nil
      throw error
    }
  }

  private func receive(_ frame: RawSpan, _ record: CapturedFrame) {
    framesOfPass += 1
    statistics.frames += 1
    statistics.bytes += UInt64(frame.byteCount)
    let time = clock.time(of: record.timestamp)
    let delivery: Delivery
    do {
      delivery = try LinkDecoder.decode(frame, wireLength: record.wireLength, linkType: linkType)
    } catch {
      statistics.count(error)
      return
    }
    guard
      let packet = unsafe PacketBuilder.packet(delivery, of: frame, timestamp: time, interface: interface)
    else {
      statistics.noBuffers += 1
      return
    }
    statistics.countEntered(delivery.proto)
    unsafe sink.receive(proto: delivery.proto, source: 0, packet: packet)
  }

  /// At the end of the file: begins the next pass, or ends.  A pass without a frame ends every loop.
  private func endPass() throws(CaptureError) {
    statistics.passes += 1
    guard framesOfPass > 0, spec.passes == nil || statistics.passes < spec.passes! else {
      reader = nil
      return
    }
    try rewind()
  }
}
