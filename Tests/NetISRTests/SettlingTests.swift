import CNetISR
import Testing
import TestSupport

@testable import NetISR

/// Order over a change that turns to direct dispatch, or to other queues: packets that are queued from before are not
/// overtaken.
@Suite struct SettlingTests {
  /// From the moment that a protocol is marked no packet of it goes the short way, not even before the change is published: a
  /// sender whose packet was just queued behind others would overtake it with its next one.
  @Test func noPacketPassesBetweenTheMarkAndTheChange() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .direct))
    nonisolated(unsafe) var order: [UInt64] = []
    try engine.register(
      11, named: "test",
      TestHandler { m in
        order.append(m.pointee.m_pkthdr.ph_loc.0)
        m_freem(m)
      })
    var next: UInt64 = 0
    func send(_ send: (UInt32, UnsafeMutablePointer<mbuf>) -> Int32) {
      engine.withAttachedThread {
        let m = m_gethdr(M_NOWAIT, MT_DATA)!
        m.pointee.m_pkthdr.ph_loc.0 = next
        next += 1
        #expect(send(11, m) == 0)
      }
    }
    send { netisr_dispatch($0, $1) }
    #expect(order == [0] && engine.table.shortcut(11).isDirect)

    send { netisr_queue($0, $1) }
    engine.beginSettling(1 << 11)
    #expect(!engine.table.shortcut(11).isDecided)
    send { netisr_dispatch($0, $1) }
    send { netisr_dispatch($0, $1) }
    #expect(order == [0], "behind the one that is queued")
    engine.runWorker(0)
    #expect(order == [0, 1, 2, 3])

    // The change is over: the next packet finds nothing left, and the short way is open again.
    engine.settling.allSeen(1 << 11)
    send { netisr_dispatch($0, $1) }
    #expect(order == [0, 1, 2, 3, 4] && engine.table.shortcut(11).isDirect)
  }
}
