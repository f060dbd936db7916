import CNetISR
import Glibc
import Testing

@testable import NetISR

@Suite struct MbufThreadTests {
  /// A mailbox between threads.
  final class Mailbox: @unchecked Sendable {
    private let lock = Lock()
    private var chains: [Mbuf] = []
    private var open = 0

    init(senders: Int) { open = senders }

    func send(_ new: [Mbuf]) { lock.withLock { chains += new } }
    func close() { lock.withLock { open -= 1 } }

    /// What there is; nil when nothing will come any more.
    func receive() -> [Mbuf]? {
      lock.withLock {
        defer { chains = [] }
        return chains.isEmpty && open == 0 ? nil : chains
      }
    }
  }

  /// Allocated here, freed there: magazines travel, and nothing is made anew for ever.
  @Test func freedElsewhere() {
    let engine = Engine()
    let mailbox = Mailbox(senders: 2)
    let rounds = 400
    runThreads(4) { index in
      engine.withAttachedThread {
        if index < 2 {
          var sent = 0
          while sent < rounds {
            // At most some hundred under way.
            if engine.mbufStatistics.mbufs.inFlight > 600 {
              sched_yield()
              continue
            }
            let packets = (0..<100).compactMap { _ in m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) }
            #expect(packets.count == 100)
            mailbox.send(packets)
            sent += 1
          }
          mailbox.close()
        } else {
          while let packets = mailbox.receive() {
            if packets.isEmpty { sched_yield() }
            for m in packets { m_freem(m) }
          }
        }
      }
    }
    expectNoLeak(engine)
    let statistics = engine.mbufStatistics
    // 80,000 packets with the memory of about a thousand.
    #expect(statistics.mbufs.allocated < 3000 && statistics.clusters.allocated < 3000)
    #expect(statistics.mbufs.denied == 0)
  }

  /// Clusters shared between threads are freed by the last one, whoever that is; nobody sees another's writes.
  @Test func sharedClusters() {
    let engine = Engine()
    let mailboxes = [Mailbox(senders: 1), Mailbox(senders: 1)]
    runThreads(3) { index in
      engine.withAttachedThread {
        if index == 2 {
          for round in 0..<3000 {
            let m = makePacket(pattern(600, from: round))!
            let copy = m_copypacket(m, M_NOWAIT)!
            let tail = m_split(m, 300, M_NOWAIT)!
            mailboxes[0].send([m])
            mailboxes[1].send([copy])
            #expect(contents(tail) == Array(pattern(600, from: round)[300...]))
            #expect(m_copyback(tail, 0, 10, pattern(10)) == 0)
            m_freem(tail)
          }
          for mailbox in mailboxes { mailbox.close() }
        } else {
          while let packets = mailboxes[index].receive() {
            if packets.isEmpty { sched_yield() }
            for m in packets {
              let bytes = contents(m)
              #expect(bytes == pattern(index == 0 ? 300 : 600, from: Int(bytes[0])))
              #expect(m_copyback(m, 0, 300, [UInt8](repeating: 0xee, count: 300)) == 0)
              m_freem(m)
            }
          }
        }
      }
    }
    expectNoLeak(engine)
  }

  /// Threads that come and go leave their objects behind; the records are used again.
  @Test func threadsComeAndGo() {
    let engine = Engine()
    for _ in 0..<50 {
      runThreads(4) { index in
        engine.withAttachedThread {
          let packets = (0..<(30 + index)).map { _ in m_getcl(M_NOWAIT, MT_DATA, 0)! }
          for m in packets { m_freem(m) }
        }
      }
    }
    expectNoLeak(engine)
    #expect(engine.mbufStatistics.mbufs.allocated <= 4 * 128)
  }

  /// Statistics may be read while packets move.
  @Test func statisticsWhileMoving() {
    let engine = Engine()
    runThreads(3) { index in
      engine.withAttachedThread {
        for _ in 0..<2000 {
          if index == 2 {
            #expect(engine.mbufStatistics.bytes <= engine.mbufLimit)
          } else {
            m_freem(m_getcl(M_NOWAIT, MT_DATA, 0))
          }
        }
      }
    }
    expectNoLeak(engine)
  }
}
