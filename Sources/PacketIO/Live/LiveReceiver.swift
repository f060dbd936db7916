import CNetISR

/// One queue of a device as a source of packets. It belongs to the thread that polls it; `meter` may be read by others.
public final class LiveReceiver {
  /// The queue's statistics, for readers on any thread.
  public let meter = InterfaceMeter()
  private let source: any FrameSource
  private var receiver: FrameReceiver

  init(_ source: any FrameSource, interface: UnsafeMutablePointer<ifnet>, sink: any FrameSink) {
    self.source = source
    receiver = unsafe FrameReceiver(linkType: source.linkType, interface: interface, sink: sink)
  }

  /// What the kernel says by rtnetlink: all that there is, then every change. [control] On a thread that has the rights to
  /// a long queue, if it can be.
  public static func netlink(
    interface: UnsafeMutablePointer<ifnet>, sink: any FrameSink
  ) throws(LiveError) -> LiveReceiver {
    unsafe LiveReceiver(try NetlinkSource(), interface: interface, sink: sink)
  }

  /// Frames that the kernel dropped for want of room, since it was asked last. [any thread]
  public func takeDrops() -> UInt64 { source.takeDrops() }

  /// Readable when there is something to take.
  public var descriptor: Int32 { source.descriptor }

  /// Takes what is there, up to `limit` frames, without waiting, and hands it over. Answers how many.
  public func poll(limit: Int) -> Int {
    let count = source.receive(into: &receiver, limit: limit)
    guard count > 0 else { return 0 }
    meter.publish(receiver.statistics)
    receiver.send()
    return count
  }

  /// Hands over what a thread has left that was lost in `poll`, whose place the calling thread takes.
  public func resume() { receiver.send() }
}
