import Logging
import NetISR
import PacketIO

/// Captures through a host of their own: every plugin of a directory is loaded, every frame goes the way that live
/// traffic would go, and the statistics are taken when all of it was handled.
///
/// The captures are read one after another, at the pace of the engine: no packet is dropped for want of room, unless
/// `mayDrop` says so.
public struct Replay {
  /// How far a replay is.
  public struct Progress: Sendable {
    /// The file that is read.
    public var file: String
    /// Its place among the files, from 0, and how many there are.
    public var index: Int
    /// Files to be read.
    public var count: Int
    /// How much of the file was read, in all passes together: 0 to 1; nil when its size is unknown.
    public var fraction: Double?
    /// Frames read, of all files.
    public var packets: UInt64
  }

  /// What came of it.
  public struct Outcome {
    /// The report; nil when no capture could be opened.
    public var report: ReplayReport?
    /// One line for each capture that could not be read to its end.
    public var problems: [String]
  }

  /// The captures.
  public var files: [String]
  /// Where the plugins are.
  public var pluginDirectory: String
  /// How often each capture is read.
  public var passes: UInt64 = 1
  /// Whether packets may be dropped for full queues, rather than wait.
  public var mayDrop = false
  /// Whether Ethernet frames go through a pair of interfaces.
  public var isPaired = false
  /// The engine's configuration.
  public var configuration = Host.Configuration()
  /// Called now and then, on the calling thread.
  public var onProgress: ((Progress) -> Void)?

  /// A replay of `files`, each once, with the plugins of a directory.
  public init(files: [String], pluginDirectory: String) {
    self.files = files
    self.pluginDirectory = pluginDirectory
  }

  /// Runs it to its end. Throws when it can't begin: the directory can't be read, or a plugin in it is refused.
  public func run(logger: Logger) throws(ControlError) -> Outcome {
    let host = try Host(configuration, logger: logger)
    do throws(ControlError) {
      try host.loadPlugins(from: pluginDirectory, watching: false)
      try host.requireAllPlugins(of: pluginDirectory)
    } catch {
      host.stop()
      throw error
    }
    var problems: [String] = []
    var feeds: [(feed: CaptureFeed, file: String)] = []
    for file in files {
      do throws(ControlError) {
        feeds.append(
          (try host.addFeed(CaptureSpec(path: file, passes: passes, isPaired: isPaired), isAlone: true), file))
      } catch {
        problems.append(error.description)
      }
    }
    guard !feeds.isEmpty else {
      host.stop()
      return Outcome(report: nil, problems: problems)
    }

    let begin = SteadyClock.now
    var damage: [String: String] = [:]
    host.engine.withAttachedThread {
      var packets: UInt64 = 0
      for (index, (feed, file)) in feeds.enumerated() {
        do throws(ControlError) {
          try send(feed, of: host) {
            report(feed, file, index, feeds.count, packets)
          }
        } catch {
          damage[feed.name] = error.description
          problems.append(error.description)
        }
        packets += feed.summary.frames
      }
    }
    host.drain()
    let elapsed = SteadyClock.now - begin
    let statistics = host.statistics()
    let captures = feeds.map { ReplayReport.Capture($0.feed.summary, error: damage[$0.feed.name]) }
    let leaked = host.stop()
    return Outcome(
      report: ReplayReport(
        captures: captures, elapsed: elapsed, statistics: statistics, leaked: leaked, leaks: host.leaks()),
      problems: problems)
  }

  /// Sends a whole capture, waiting for room.
  private func send(_ feed: CaptureFeed, of host: Host, _ progress: () -> Void) throws(ControlError) {
    var backoff = Backoff()
    var steps = 0
    while true {
      switch try feed.step(now: SteadyClock.now, admission: mayDrop ? nil : host.admission) {
      case .sent: backoff.reset()
      case .noRoom: backoff.pause()
      case .wait(let nanoseconds): SteadyClock.pause(nanoseconds: nanoseconds)
      case .ended: return
      }
      steps += 1
      if steps & 63 == 0 { progress() }
    }
  }

  private func report(_ feed: CaptureFeed, _ file: String, _ index: Int, _ count: Int, _ packets: UInt64) {
    guard let onProgress else { return }
    let summary = feed.summary
    let (offset, size) = feed.progress
    let pass = size > 0 ? Double(offset) / Double(size) : nil
    onProgress(
      Progress(
        file: file, index: index, count: count, fraction: pass.map { (Double(summary.passes) + $0) / Double(passes) },
        packets: packets + summary.frames))
  }
}

extension ReplayReport.Capture {
  init(_ summary: InterfaceSummary, error: String?) {
    file = summary.file
    linktype = summary.linktype
    packets = summary.frames
    bytes = summary.bytes
    entered = summary.entered
    unsupported = summary.unsupported
    self.error = error
  }
}
