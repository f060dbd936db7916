@testable import ControlPlane
import NetISR
@testable import PacketIO

/// Statistics of a host that never was.
struct Synthetic {
  var threads = 2
  var dispatch = "deferred"
  var accounting = false
  var interfaces = 1
  var protocols: [ProtocolSummary] = []
  /// By workstream and protocol.
  var work: [[WorkstreamSummary.Work]] = [[], []]

  /// A host with so many workstreams.
  init(threads: Int = 2, dispatch: String = "deferred") {
    self.threads = threads
    self.dispatch = dispatch
    work = Array(repeating: [], count: threads)
  }

  /// Adds a protocol with queued packets by workstream; `edit` changes the figures of one.
  mutating func add(
    _ name: String, policy: String = "flow", dispatch: String = "default", flags: String = "--F", qlimit: Int = 256,
    queued: [UInt64], edit: (Int, inout WorkstreamSummary.Work) -> Void = { _, _ in }
  ) {
    protocols.append(
      ProtocolSummary(
        name: name, proto: UInt32(protocols.count + 1), qlimit: qlimit, policy: policy, dispatch: dispatch, flags: flags
      ))
    for wsid in 0..<threads {
      var item = WorkstreamSummary.Work(
        name: name, len: 0, watermark: 3, dispatched: 0, hybridDispatched: 0, qdrops: 0, queued: queued[wsid],
        handled: queued[wsid], accounting: nil)
      edit(wsid, &item)
      work[wsid].append(item)
    }
  }

  /// Adds the times of handlers.
  static func account(packets: UInt64, each nanoseconds: Double) -> AccountingSummary {
    AccountingSummary(
      packets: packets, batches: packets, averageBatch: 1, nanosecondsPerPacket: nanoseconds,
      nanoseconds: UInt64(Double(packets) * nanoseconds), longest: UInt64(nanoseconds) * 2,
      callbacks: 0, callbackNanoseconds: 0, delay: nil)
  }

  var statistics: HostStatistics {
    let handled = work.flatMap { $0 }.reduce(0) { $0 + $1.handled }
    var received = InterfaceStatistics()
    received.countEntered(5)
    return HostStatistics(
      configuration: EngineSummary(
        threads: threads, maxthreads: threads, bindthreads: false, polling: false, dispatch: dispatch,
        defaultqlimit: 256,
        maxqlimit: 10240, accounting: accounting),
      plugins: [], protocols: protocols,
      workstreams: work.enumerated().map { WorkstreamSummary(wsid: $0, cpu: $0, work: $1) }, counters: [:],
      conservation: ConservationSummary(received: handled, handled: handled, dropped: [:], queued: 0, balanced: true),
      mbufs: MbufSummary(Engine().mbufStatistics),
      interfaces: (0..<interfaces).map { number in
        InterfaceSummary(
          name: "file\(number)", file: "/captures/\(number).pcap", vnet: 0, linkType: .en10MB, state: "running",
          received)
      })
  }

  var advice: [Advice] { AdviceReport(statistics).advice }

  /// The kinds that were found, without what is always said when accounting is off.
  var kinds: [Advice.Kind] { advice.map(\.kind).filter { $0 != .accountingOff } }
}
