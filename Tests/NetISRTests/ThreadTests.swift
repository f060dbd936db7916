import CNetISR
import NetISR
import TestSupport
import Testing

/// Threads that the engine was never told of, such as a plugin's own.
@Suite struct ThreadTests {
  /// More of them, one after another, than there are records: each gives its record back. In a process of its own,
  /// for the default engine is the process's.
  @Test func aThreadThatEndsGivesItsRecordBack() async {
    await #expect(processExitsWith: .success) {
      let engine = Engine(Engine.Configuration(cpuCount: 1))
      Engine.default = engine
      for _ in 0..<1200 {
        let thread = NetISR.Thread(name: "unknown") {
          guard let m = m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else { fatalError("no mbuf") }
          guard netisr_dispatch(11, m) == EPROTONOSUPPORT else { fatalError("nobody serves 11") }
        }
        thread.join()
      }
      precondition(engine.conservation().received == 1200 && engine.conservation().isBalanced)
      precondition(engine.mbufStatistics.mbufs.inFlight == 0 && engine.mbufStatistics.mbufs.isBalanced)
    }
  }

  @Test func withoutAnEngineThereIsNoPacket() async {
    await #expect(processExitsWith: .success) {
      precondition(m_gethdr(M_NOWAIT, MT_DATA) == nil)
      precondition(netisr_get_cpucount() == 1)
    }
  }
}
