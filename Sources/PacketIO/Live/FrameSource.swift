/// One queue of a device, from which frames come. One thread at a time.
protocol FrameSource: AnyObject {
  /// Readable when there are frames.
  var descriptor: Int32 { get }
  /// What frames begin with.
  var linkType: LinkType { get }
  /// Takes what is there, up to `limit` frames or until the receiver is full, without waiting; answers how many. No plugin's
  /// code runs.
  func receive(into receiver: inout FrameReceiver, limit: Int) -> Int
  /// Frames that the kernel dropped because they found no room, since it was asked last. [any thread]
  func takeDrops() -> UInt64
}
