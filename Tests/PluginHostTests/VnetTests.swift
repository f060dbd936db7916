import CNetISR
import NetISR
import PluginHost
import TestSupport
import Testing

/// In which vnets a plugin serves, over the end of its generations.
@Suite struct VnetTests {
  @Test func whereItIsDisabledItStaysSo() throws {
    try Fixtures.withTemporaryDirectory { folder in
      let path = folder + "/vnets.so"
      try CPlugin.compile(CPlugin.probe(build: 1).replacingOccurrences(of: "probe", with: "vnets"), to: path)
      try withHost { engine, host in
        let interfaces = (0..<3).map { engine.interfaces.make(name: "if\($0)", type: IFT_ETHER, vnet: UInt32($0))! }
        func send() -> [Int32] {
          engine.withAttachedThread {
            interfaces.map { interface in
              let m = m_gethdr(M_NOWAIT, MT_DATA)!
              m.pointee.m_pkthdr.rcvif = interface
              return netisr_dispatch(11, m)
            }
          }
        }
        // A probe keeps account of order; of these packets it needs none.
        try host.load(path)
        try engine.unregisterVnet(11, 1)
        try engine.unregisterVnet(11, 2)
        #expect(engine.disabledVnets(of: 11) == [1, 2])
        try host.reload("vnets")
        #expect(engine.disabledVnets(of: 11) == [1, 2], "a swap changes nothing of it")
        try host.unload("vnets")
        #expect(send() == [EPROTONOSUPPORT, EPROTONOSUPPORT, EPROTONOSUPPORT])
        try host.load(path)
        #expect(engine.disabledVnets(of: 11) == [1, 2])
        #expect(send() == [0, ENOPROTOOPT, ENOPROTOOPT])

        // What was enabled since is not disabled again.
        try engine.registerVnet(11, 1)
        try host.unload("vnets")
        // A vnet that is gone is forgotten.
        host.forget(vnet: 2)
        try host.load(path)
        #expect(engine.disabledVnets(of: 11).isEmpty)
        #expect(send() == [0, 0, 0])
        #expect(engine.conservation().isBalanced)
      }
    }
  }
}
