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
  /// Called now and then, on a thread of the replay's.
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
    var opened: [ReplayCourse.Feed] = []
    for file in files {
      do throws(ControlError) {
        opened.append(
          (try host.addFeed(CaptureSpec(path: file, passes: passes, isPaired: isPaired), isAlone: true), file))
      } catch {
        problems.append(error.description)
      }
    }
    let feeds = opened
    guard !feeds.isEmpty else {
      host.stop()
      return Outcome(report: nil, problems: problems)
    }

    let begin = SteadyClock.now
    let course = ReplayCourse(feeds, admission: mayDrop ? nil : host.admission) { [self] in report($0, feeds) }
    // Of its own: a plugin may take it away for ever.
    SourceThread(name: "replay", on: host.engine, cpu: 0) { course.run(isSuccessor: $0) }.join()
    problems += course.problems
    host.drain()
    let elapsed = SteadyClock.now - begin
    let statistics = host.statistics()
    let captures = feeds.map { ReplayReport.Capture($0.feed.summary, error: course.damage[$0.feed.name]) }
    let leaked = host.stop()
    return Outcome(
      report: ReplayReport(
        captures: captures, elapsed: elapsed, statistics: statistics, leaked: leaked, leaks: host.leaks()),
      problems: problems)
  }

  private func report(_ index: Int, _ feeds: [ReplayCourse.Feed]) {
    guard let onProgress else { return }
    let (feed, file) = feeds[index]
    let (offset, size) = feed.progress
    let pass = size > 0 ? Double(offset) / Double(size) : nil
    let frames = feeds[...index].map(\.feed.summary.frames)
    onProgress(
      Progress(
        file: file, index: index, count: feeds.count,
        fraction: pass.map { (Double(feed.summary.passes) + $0) / Double(passes) }, packets: frames.reduce(0, +)))
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
