import Logging
import NetISR
import PacketIO

/// A capture with the thread that feeds it: what `file:` is to a host that runs.
final class CaptureSource: HostedInterface {
  let spec: String
  private let feed: CaptureFeed
  private let thread: FeedThread

  init(_ feed: CaptureFeed, spec: String, engine: Engine, cpu: UInt32, admission: Admission, logger: Logger) {
    self.feed = feed
    self.spec = spec
    thread = FeedThread(feed, engine: engine, cpu: cpu, admission: admission, logger: logger)
  }

  var name: String { feed.name }

  var summaries: [InterfaceSummary] {
    var summary = feed.summary
    summary.spec = spec
    return [summary]
  }

  func quiesce() { thread.stop() }

  func stop() { feed.withdraw() }
}
