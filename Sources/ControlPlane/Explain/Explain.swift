import Logging
import NetISR
import PacketIO

/// Where frames of captures go, found out by sending them: through an engine of their own, with real plugins, one frame
/// after another and without worker threads, so that each step of each frame can be seen.
public struct Explain {
  /// What came of it.
  public struct Outcome {
    /// The report; nil when no capture could be opened.
    public var report: ExplainReport?
    /// One line for each capture that could not be read as far as asked.
    public var problems: [String]
  }

  /// The captures.
  public var files: [String]
  /// The engine's configuration.
  public var configuration = Host.Configuration()
  /// Where the plugins are.
  public var plugins: PluginSource
  /// The one frame of each capture that is explained, from 1; those before are followed as well, for what they leave
  /// behind. nil is every frame.
  public var frame: UInt64?
  /// The most frames of a capture that are followed; nil is all.
  public var limit: UInt64?
  /// Whether single frames are in the report, and not their sums only.
  public var listsFrames = true

  /// Which plugins take the frames.
  public enum PluginSource: Sendable {
    /// All of a directory.
    case directory(String)
    /// Those that a running host serves with now, and its protocols' dispatch policies.
    case running(HostStatistics)
  }

  /// An explanation of `files`.
  public init(files: [String], plugins: PluginSource) {
    self.files = files
    self.plugins = plugins
  }

  /// Finds out. Throws when it can't begin: a plugin is refused, or a directory can't be read.
  public func run(logger: Logger) throws(ControlError) -> Outcome {
    let host = try Host(configuration, logger: logger)
    // Driven by hand from here on.
    host.engine.stopWorkers()
    defer { host.stop() }
    try load(into: host)
    var problems: [String] = []
    var report: ExplainReport?
    host.engine.withAttachedThread {
      let observer = PacketObserver(host.engine)
      defer { observer.end() }
      report = follow(host, observer, &problems)
    }
    return Outcome(report: report, problems: problems)
  }

  private func load(into host: Host) throws(ControlError) {
    switch plugins {
    case .directory(let path):
      try host.loadPlugins(from: path, watching: false)
      try host.requireAllPlugins(of: path)
    case .running(let statistics):
      for plugin in statistics.plugins where plugin.state == "serving" { _ = try host.load(plugin.path) }
      for item in statistics.protocols {
        _ = try host.set("net.isr.proto.\(item.name).dispatch", to: item.dispatch)
      }
    }
  }

  private func follow(_ host: Host, _ observer: PacketObserver, _ problems: inout [String]) -> ExplainReport? {
    let protocols = host.engine.protocolStatistics()
    let names = ProtocolNames(protocols)
    var tally = ExplainTally(workstreams: host.engine.workerCount)
    var report = ExplainReport(
      captures: [], limit: limit, configuration: EngineSummary(host.engine),
      protocols: protocols.map(ProtocolSummary.init), frames: [], summary: tally.summary(names))
    for (index, file) in files.enumerated() {
      let follower = FrameFollower(observer)
      let capture: FollowedCapture
      do throws(ControlError) {
        capture = try FollowedCapture(file, name: "file\(index)", engine: host.engine, follower)
      } catch {
        problems.append(error.description)
        continue
      }
      var damage: String?
      do throws(ControlError) {
        while capture.frames < min(limit ?? .max, frame ?? .max), let received = try capture.next() {
          tally.add(follower.steps, isRefused: received.refusal != nil)
          guard listsFrames, frame == nil || capture.frames == frame else { continue }
          report.frames.append(
            ExplainReport.Frame(
              file: file, frame: capture.frames, bytes: received.bytes, entry: follower.entry.map { names[$0] },
              refused: received.refusal,
              steps: follower.steps.map { ExplainStep($0, names: names, workstreams: host.engine.workerCount) }))
        }
        if let frame, capture.frames < frame {
          throw ControlError(.failed, "\(file): frame \(frame): the capture has \(capture.frames)")
        }
      } catch {
        damage = error.description
        problems.append(error.description)
      }
      report.captures.append(
        ExplainReport.Capture(
          file: file, linktype: capture.linkType, interface: capture.name, interfaceIndex: capture.index,
          frames: capture.frames, error: damage))
    }
    report.summary = tally.summary(names)
    return report.captures.isEmpty ? nil : report
  }
}
