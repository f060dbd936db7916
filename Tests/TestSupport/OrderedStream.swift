import CNetISR
import NetISR
import Synchronization

/// Numbered packets, from one sender's hands, that a policy keeps in order. By the sender's thread alone, but for its
/// figures.
final class OrderedStream: @unchecked Sendable {
  let source: UInt64
  /// Always queued, rather than dispatched by the protocol's dispatch policy: who does both gives up order by himself.
  let isQueued: Bool
  private let plan: OrderedTraffic.Plan
  private let place: Int
  /// Whether the sender knows the flow id, as hardware does, or nh_m2flow finds it.
  private let flow: UInt32?
  private let first: SequenceCell
  private let second: SequenceCell?
  private let doneWord: UnsafeMutablePointer<Atomic<UInt64>>
  private let number = Atomic<UInt64>(0)

  init(
    _ plan: OrderedTraffic.Plan, sender: Int, index: Int, done: UnsafeMutablePointer<Atomic<UInt64>>,
    cells: (UnsafeMutablePointer<Atomic<UInt64>>, UnsafeMutablePointer<Atomic<UInt64>>),
    groups: (UnsafeMutablePointer<Atomic<UInt64>>, UnsafeMutablePointer<Atomic<UInt64>>)
  ) {
    self.plan = plan
    let isShared = plan.isShared(index)
    place = isShared ? plan.senders * plan.streams + index : sender * plan.streams + index
    source = UInt64(place)
    isQueued = plan.isVaried && index % 4 == 3
    doneWord = done
    // By the FLOW policy, a packet without flow is ordered by its source.
    let hasFlow = !(plan.policy == .flow && plan.isVaried && index % 8 == 7)
    let id = hasFlow ? UInt64(place) &* 0x9e37_79b1 & 0xffff_ffff : SequenceCell.noFlow
    flow = plan.policy == .flow && hasFlow && index % 2 == 1 ? UInt32(id) : nil
    // Every second stream of each kind.
    let relay = index % 4 < 2 ? plan.relay : nil
    let source = source
    second = relay.map {
      SequenceCell(
        at: cells.1, proto: $0, source: source, flow: id, done: done, next: nil, group: isShared ? groups.1 : nil)
    }
    first = SequenceCell(
      at: cells.0, proto: plan.proto, source: source, flow: id, done: done, next: second,
      group: isShared ? groups.0 : nil)
  }

  /// Packets sent.
  var sent: UInt64 { number.load(ordering: .relaxed) }
  /// Packets of all of the sender's streams that were handled or dropped.
  var done: UInt64 { doneWord.pointee.load(ordering: .acquiring) }

  /// Whether packets of both may be in one batch: its source word is not what keeps their order.
  func mixes(with other: OrderedStream) -> Bool {
    isQueued == other.isQueued && first.flow != nil && other.first.flow != nil
  }

  /// Makes the next packet.
  func next(from interfaces: [OrderedTraffic.Port]) -> UnsafeMutablePointer<mbuf> {
    guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf: the window is small enough for all") }
    number.store(sent + 1, ordering: .relaxed)
    first.label(m, sent)
    m.pointee.m_pkthdr.rcvif = interfaces[place % interfaces.count].pointer
    if let flow {
      m.pointee.m_pkthdr.flowid = flow
      m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
    }
    return m
  }

  /// Sends the next packet: whether it was taken.
  func send(from interfaces: [OrderedTraffic.Port]) -> Bool {
    let m = next(from: interfaces)
    let send = isQueued ? netisr_queue_src : netisr_dispatch_src
    return send(plan.proto, UInt(source), m) == 0
  }

  func add(to verdict: inout OrderedTraffic.Verdict) {
    verdict.sent += sent
    for cell in [first, second].compactMap({ $0 }) {
      verdict.handled += cell.handled
      verdict.late += cell.late
      verdict.overlaps += cell.overlaps
      verdict.dropped += cell.dropped
    }
    let dropped = first.dropped
    if first.gaps + (sent - min(sent, first.last)) != dropped || first.handled + dropped != sent {
      verdict.unexplained += 1
    }
    guard let second else { return }
    verdict.relayed += first.handled
    let missing = dropped + second.dropped
    if second.gaps + (sent - min(sent, second.last)) != missing || second.handled + missing != sent {
      verdict.unexplained += 1
    }
  }
}
