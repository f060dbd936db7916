import CNetISR
import Foundation
import Logging
import NetISR
import PluginHost
import PluginInspector
import TestSupport

/// Collects what a host logs, by level and text.
final class LogBook: @unchecked Sendable {
  private let lock = NSLock()
  private let keeping: Bool
  private var lines: [String] = []

  init(keeping: Bool = true) { self.keeping = keeping }

  func add(_ line: String) {
    if keeping { lock.withLock { lines.append(line) } }
  }
  func contains(_ text: String) -> Bool { lock.withLock { lines.contains { $0.contains(text) } } }
}

private struct LogBookHandler: LogHandler {
  let book: LogBook
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.debug
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
  func log(event: LogEvent) { book.add("\(event.level): \(event.message)") }
}

/// An engine with worker threads, and a host on it; everything is stopped when `body` has returned.
func withHost<T>(
  cpus: Int = 2, dispatch: Dispatch = .direct, workers: Bool = true, log: LogBook = LogBook(),
  policy: InspectionPolicy = InspectionPolicy(), _ body: (Engine, PluginHost) throws -> T
) throws -> T {
  let engine = Engine(Engine.Configuration(cpuCount: cpus, dispatch: dispatch))
  let host = PluginHost(
    engine: engine, policy: policy, logger: Logger(label: "test") { _ in LogBookHandler(book: log) })
  if workers { engine.startWorkers() }
  defer {
    host.unloadAll()
    engine.stopWorkers()
  }
  return try body(engine, host)
}

/// Sends numbered packets of some flows to protocol 11, as one source.
struct FlowSender {
  static let flows = 16
  let last: UnsafeMutablePointer<UInt64>
  private var next = [UInt64](repeating: 0, count: FlowSender.flows)
  private(set) var sent = 0
  private(set) var refused = 0

  init() {
    last = .allocate(capacity: Self.flows)
    last.initialize(repeating: 0, count: Self.flows)
  }

  func free() { last.deallocate() }

  /// Sends `count` packets; never more than the queues take. Lost are those for which there was no mbuf or no handler.
  mutating func send(_ count: Int, on engine: Engine) {
    var left = count
    while left > 0 {
      let room = min(engine.room, 64, left)
      guard room > 0 else {
        sched_yield()
        continue
      }
      for _ in 0..<room {
        guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf: there is always room for these") }
        let flow = sent % Self.flows
        m.pointee.m_pkthdr.flowid = UInt32(flow)
        m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
        next[flow] += 1
        m.pointee.m_pkthdr.ph_loc.0 = next[flow]
        m.pointee.m_pkthdr.ph_loc.1 = UInt64(UInt(bitPattern: last))
        sent += 1
        if netisr_dispatch(11, m) != 0 { refused += 1 }
      }
      left -= room
    }
  }
}

/// Polls until `condition` holds; false after 30 seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<3000 {
    if condition() { return true }
    usleep(10_000)
  }
  return condition()
}
