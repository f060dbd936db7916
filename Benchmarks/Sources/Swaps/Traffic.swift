import CNetISR
import Foundation
import NetISR
import Synchronization

/// One sender, as fast as it can: packets of one flow, never more than the queue takes.
final class Traffic: @unchecked Sendable {
  private let engine: Engine
  private let stopping = Atomic(false)
  private let refusedCount = Atomic<Int>(0)
  private var thread: NetISR.Thread?

  /// Begins to send to protocol 11.
  init(on engine: Engine, isQueued: Bool) {
    self.engine = engine
    thread = NetISR.Thread(name: "sender") { [self] in
      engine.withAttachedThread(cpu: 0) {
        while !stopping.load(ordering: .relaxed) { send(isQueued: isQueued) }
      }
    }
  }

  /// Packets that nobody took.
  var refused: Int { refusedCount.load(ordering: .relaxed) }

  /// Returns when everything was handled.
  func stop() {
    stopping.store(true, ordering: .relaxed)
    thread?.join()
    while !engine.isDrained { sched_yield() }
  }

  private func send(isQueued: Bool) {
    let count = isQueued ? min(engine.room, 64) : 64
    guard count > 0 else { return }
    for _ in 0..<count {
      guard let m = unsafe m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf") }
      unsafe m.pointee.m_pkthdr.flowid = 1
      unsafe m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
      if unsafe netisr_dispatch(11, m) != 0 { refusedCount.wrappingAdd(1, ordering: .relaxed) }
    }
  }
}
