import CNetISR

/// A capture file as a network interface: what was captured comes in as if it were received now.
///
/// The interface only listens, and its time is the capture's own.  It belongs to the thread that polls it; `meter` may
/// be read by others.
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

  /// nil after the end, or after damage.
  private var reader: CaptureReader?
  private var pacer: Pacer?
  private var receiver: FrameReceiver

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
    receiver = unsafe FrameReceiver(linkType: reader.linkType, interface: interface, sink: sink)
    self.reader = consume reader
  }

  /// Reads up to `limit` frames and hands them over.
  ///
  /// - Parameter now: nanoseconds of a steady clock, for the pace.
  /// - Throws: the capture is damaged; what came before was delivered, and the interface has ended.
  public func poll(now: UInt64, limit: Int) throws(CaptureError) -> Progress {
    defer { handOver() }
    var left = limit
    while reader != nil {
      guard left > 0 else { return .more }
      if let wait = pacer?.wait(at: now) { return .wait(nanoseconds: wait) }
      let taken = try receive(limit: pacer == nil ? left : 1)
      left -= taken
      if taken > 0 { pacer?.advance() }
      if receiver.isFull { handOver() }
    }
    return .ended
  }

  /// Hands over what a thread has left that was lost in `poll`, whose place the calling thread takes.
  public func resume() { receiver.send() }

  private func handOver() {
    meter.publish(receiver.statistics)
    receiver.send()
  }

  /// Begins the capture again from its first frame, as another pass of a loop does: time goes on.
  ///
  /// - Throws: the file can't be opened any more; the interface has ended.
  public func rewind() throws(CaptureError) {
    reader = nil
    receiver.nextPass()
    reader = try CaptureReader(path: spec.path)
  }

  /// Bytes of the file that were taken in this pass, and all of them (0: unknown), for a display of progress.
  public var fileProgress: (offset: Int, size: Int) {
    (reader?.fileOffset ?? 0, reader?.fileSize ?? 0)
  }

  /// Takes up to `limit` frames from the file, fewer when it is time to send, and answers how many. At its end it goes
  /// over to the next pass.
  private func receive(limit: Int) throws(CaptureError) -> Int {
    let taken: Int
    do {
      taken = try Self.move(limit, from: &reader!, to: &receiver)
    } catch {
      reader = nil
      throw error
    }
    if taken < limit, !receiver.isFull { try endPass() }
    return taken
  }

  /// The loop over frames: with all that changes in it held once.
  private static func move(
    _ limit: Int, from reader: inout CaptureReader, to receiver: inout FrameReceiver
  ) throws(CaptureError) -> Int {
    var taken = 0
    while taken < limit, !receiver.isFull, try reader.next({ receiver.receive($0, $1) }) != nil { taken &+= 1 }
    return taken
  }

  /// At the end of the file: begins the next pass, or ends.  A pass without a frame ends every loop.
  private func endPass() throws(CaptureError) {
    receiver.countPass()
    guard receiver.framesOfPass > 0, spec.passes == nil || receiver.statistics.passes < spec.passes! else {
      reader = nil
      return
    }
    try rewind()
  }
}
