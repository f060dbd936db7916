import CNetISR
import Foundation
import NetISR
import Synchronization

/// Senders on threads of their own, whose streams of numbered packets have to come to their handlers in order, and the
/// figures that say whether they did.
///
/// A stream is in one sender's hands and is what the protocol's policy keeps in order: a source, a flow, or the wish for one
/// CPU. A sender has no more packets under way than its window, so that queues of `inFlight` packets never overflow. The
/// memory of the cells lives as long as this object.
public final class OrderedTraffic: @unchecked Sendable {
  /// What is sent.
  public struct Plan: Sendable {
    /// The protocol number.
    public var proto: UInt32 = 11
    /// What a stream is.
    public var policy: Policy
    /// Threads.
    public var senders: Int
    /// Of each sender.
    public var streams = 8
    /// Packets that a sender has under way at most.
    public var window = 16
    /// Packets of each sender; nil: until `stop`.
    public var packets: Int?
    /// CPUs that the senders count as being on, in turn.
    public var cpus: Int
    /// The protocol that every second stream goes through after the first one, if its handler hands it on.
    public var relay: UInt32?
    /// Whether some streams are always queued, and whether packets are sent in batches too. Otherwise every packet is
    /// dispatched by itself.
    public var isVaried = false
    /// Whether some streams have their source, flow and wish in common with one of every other sender. Their handlers may
    /// not run at once, unless packets are dispatched directly.
    public var sharesFlows = false
    /// For what is chosen at random.
    public var seed: UInt64 = 1

    /// Streams of a policy from some senders.
    public init(policy: Policy, senders: Int, cpus: Int) {
      (self.policy, self.senders, self.cpus) = (policy, senders, cpus)
    }

    /// Of four streams two: one that goes through both protocols, and one that does not.
    func isShared(_ index: Int) -> Bool { sharesFlows && (1...2).contains(index % 4) }
  }

  /// What was sent.
  public let plan: Plan
  /// The interfaces that packets come from: by stream, modulo their number. A stream's may change while packets flow only if
  /// its order does not hang on it, by the SOURCE policy.
  public let interfaces: [Port]
  let streams: [[OrderedStream]]
  private let memory: UnsafeMutablePointer<Atomic<UInt64>>
  private var threads: [NetISR.Thread] = []
  private let isStopping = Atomic(false)
  private let running: Atomic<Int>

  /// Where streams find the interface that their packets come from.
  public final class Port: Sendable {
    private let address = Atomic<UInt>(0)
    /// The interface, if there is one.
    public var pointer: UnsafeMutablePointer<ifnet>? {
      get { UnsafeMutablePointer(bitPattern: address.load(ordering: .acquiring)) }
      set { address.store(UInt(bitPattern: newValue), ordering: .releasing) }
    }
  }

  /// Prepares the streams. The engine's `onDrop` is this object's from now on.
  public init(_ plan: Plan, on engine: Engine) {
    self.plan = plan
    interfaces = (0..<4).map { _ in Port() }
    running = Atomic(plan.senders)
    let cells = plan.senders * (2 * plan.streams + 1) + 2 * plan.streams
    let bytes = cells * SequenceCell.words * 8
    memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 128)
      .bindMemory(to: Atomic<UInt64>.self, capacity: cells * SequenceCell.words)
    for word in 0..<cells * SequenceCell.words { (memory + word).initialize(to: Atomic(0)) }
    var place = memory
    func take() -> UnsafeMutablePointer<Atomic<UInt64>> {
      defer { place += SequenceCell.words }
      return place
    }
    let groups = (0..<plan.streams).map { _ in (take(), take()) }
    streams = (0..<plan.senders).map { sender in
      let done = take()
      return groups.indices.map { index in
        OrderedStream(plan, sender: sender, index: index, done: done, cells: (take(), take()), groups: groups[index])
      }
    }
    engine.onDrop = { m, _ in SequenceCell(of: m)?.drop() }
  }

  deinit { memory.deallocate() }

  /// A handler, with the callbacks of the plan's policy, that checks every packet.
  public var handler: TestHandler {
    var handler = TestHandler { m in SequenceCell(of: m)!.handle(m) }
    if plan.policy == .flow {
      handler.m2flow = { m in
        if let flow = SequenceCell(of: m)!.flow {
          m.pointee.m_pkthdr.flowid = flow
          m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
        }
        return m
      }
    }
    if plan.policy == .cpu { handler.m2cpuid = { m in (m, SequenceCell(of: m)!.flow!) } }
    return handler
  }

  /// Starts the senders.
  public func start(on engine: Engine) {
    threads = streams.indices.map { sender in
      NetISR.Thread(name: "sender/\(sender)") { [self] in
        engine.withAttachedThread(cpu: UInt32(sender % plan.cpus)) { send(sender) }
        running.wrappingSubtract(1, ordering: .releasing)
      }
    }
  }

  /// Whether a sender still sends.
  public var isRunning: Bool { running.load(ordering: .acquiring) > 0 }

  /// Ends the senders, and returns when all that they sent was handled or dropped.
  public func stop() {
    isStopping.store(true, ordering: .relaxed)
    finish()
  }

  /// Returns when the senders have sent all, and all of it was handled or dropped.
  public func finish() {
    for thread in threads { thread.join() }
    threads = []
    for sender in streams.indices { wait(sender, until: 0) }
  }

  /// Sends one packet of a stream on the calling thread, when no sender was started: whether it was taken.
  public func sendOne(sender: Int = 0, stream: Int = 0) -> Bool { streams[sender][stream].send(from: interfaces) }

  // MARK: A sender

  private func send(_ sender: Int) {
    var random = SeededGenerator(seed: plan.seed &* 1_000_003 &+ UInt64(sender))
    var left = plan.packets ?? .max
    while left > 0, !isStopping.load(ordering: .relaxed) {
      let free = wait(sender, until: plan.window - 1)
      var count = 1
      let index = Int.random(in: 0..<plan.streams, using: &random)
      let wasTaken: Bool
      if plan.isVaried && Bool.random(using: &random) {
        count = min(free, left, Int.random(in: 1...plan.window, using: &random))
        let isMixed = plan.policy != .source && Bool.random(using: &random)
        wasTaken = sendBatch(sender, count, like: index, isMixed: isMixed, &random)
      } else {
        wasTaken = streams[sender][index].send(from: interfaces)
      }
      // Nobody takes it at present: leave the CPU to others, rather than be quick at losing packets.
      if !wasTaken { usleep(100) }
      left -= count
    }
  }

  /// Sends packets of one stream, or of all that are like it, in one batch: whether all were taken.
  private func sendBatch(
    _ sender: Int, _ count: Int, like index: Int, isMixed: Bool, _ random: inout SeededGenerator
  ) -> Bool {
    let model = streams[sender][index]
    var packets: [UnsafeMutablePointer<mbuf>?] = []
    for _ in 0..<count {
      var stream = model
      if isMixed, let other = streams[sender].randomElement(using: &random), other.mixes(with: model) { stream = other }
      packets.append(stream.next(from: interfaces))
    }
    let send = model.isQueued ? netisr_queue_batch : netisr_dispatch_batch
    return send(plan.proto, UInt(model.source), &packets, UInt32(count)) == count
  }

  /// Waits until at most `count` of a sender's packets are under way: how many more the window allows then.
  @discardableResult
  private func wait(_ sender: Int, until count: Int) -> Int {
    let sent = streams[sender].reduce(0) { $0 + $1.sent }
    var rounds = 0
    while true {
      let underWay = Int(sent - streams[sender][0].done)
      if underWay <= count { return plan.window - underWay }
      rounds += 1
      if rounds < 1000 { sched_yield() } else { usleep(1000) }
      // A minute: something hangs.
      precondition(rounds < 61_000, "sender \(sender): \(underWay) packets are neither handled nor dropped: \(verdict)")
    }
  }

  // MARK: The figures

  /// What came of all streams.
  public struct Verdict: Sendable, CustomStringConvertible {
    /// Packets sent, and those handed on to the second protocol.
    public var sent: UInt64 = 0, relayed: UInt64 = 0
    /// Handled by either protocol.
    public var handled: UInt64 = 0
    /// Dropped by the engine, of these streams.
    public var dropped: UInt64 = 0
    /// Late or twice; and two handlers of one stream at once.
    public var late: UInt64 = 0, overlaps: UInt64 = 0
    /// Streams whose gaps are not just the packets that were dropped of them.
    public var unexplained = 0

    /// In one line.
    public var description: String {
      "\(sent) sent, \(relayed) relayed, \(handled) handled, \(dropped) dropped, \(late) late, \(overlaps) at once, "
        + "\(unexplained) streams with unexplained gaps"
    }
  }

  /// The figures now; exact when the senders have ended.
  public var verdict: Verdict {
    streams.joined().reduce(into: Verdict()) { $1.add(to: &$0) }
  }
}
