import CNetISR
import NetISR
import Testing

@testable import PacketIO

@Suite struct LiveSpecTests {
  @Test func devices() throws {
    var spec = LiveSpec(.packet, "eth0")
    #expect(try InterfaceSpec(parsing: "packet:eth0") == .live(spec))
    spec.isPromiscuous = true
    spec.isMonitor = true
    spec.queues = 4
    spec.vnet = 3
    spec.addresses = [InterfaceAddress("192.0.2.1/24", family: 4)!, InterfaceAddress("2001:db8::1/64", family: 6)!]
    #expect(
      try InterfaceSpec(parsing: "packet:eth0?promisc&monitor&queues=4&vnet=3&inet=192.0.2.1/24&inet6=2001:db8::1/64")
        == .live(spec))
    var tap = LiveSpec(.tap, "tap0")
    tap.isUp = false
    tap.mtu = 9000
    tap.queues = 2
    #expect(try InterfaceSpec(parsing: "tap:tap0?down&mtu=9000&workers=2") == .live(tap))
    guard case .netlink(let netlink) = try InterfaceSpec(parsing: "netlink:?vnet=9") else {
      Issue.record("no netlink")
      return
    }
    #expect(netlink.name == "netlink")
    #expect(netlink.vnet == 9)
    guard case .pair(let pair) = try InterfaceSpec(parsing: "epair:p?inet=10.0.0.1/8&peer-inet6=::1&vnet=2") else {
      Issue.record("no pair")
      return
    }
    #expect(pair.addresses.a.map(\.description) == ["10.0.0.1/8"])
    #expect(pair.addresses.b.map(\.description) == ["::1/128"])
    #expect(pair.vnets == (2, 2))
  }

  @Test(arguments: [
    ("packet:", "expected a name after \"packet:\""),
    ("tap:a/b", "expected a name of at most 15 bytes, without \"/\" and spaces, found \"a/b\""),
    ("packet:abcdefghijklmnop", "expected a name of at most 15 bytes"),
    ("packet:a?mtu=1500", "unknown option \"mtu\"; expected one of inet6=ADDRESS/BITS"),
    ("tap:a?promisc", "unknown option \"promisc\""),
    ("packet:a?promisc=1", "option \"promisc\" takes no value, found \"1\""),
    ("packet:a?queues=0", "option \"queues\": expected a number from 1 to 64, found \"0\""),
    ("packet:a?inet=1.2.3/24", "option \"inet\": expected an IPv4 ADDRESS/BITS, found \"1.2.3/24\""),
    ("packet:a?inet=1.2.3.4/33", "option \"inet\": expected an IPv4 ADDRESS/BITS, found \"1.2.3.4/33\""),
    ("packet:a?inet6=1.2.3.4/32", "option \"inet6\": expected an IPv6 ADDRESS/BITS"),
    ("packet:a?inet=", "option \"inet\": expected an IPv4 ADDRESS/BITS, found \"\""),
    ("epair:", "expected a name after \"epair:\""),
    ("netlink:?inet=1.2.3.4", "unknown option \"inet\"; expected one of vnet=N"),
  ])
  func wrong(text: String, problem: String) {
    let error = #expect(throws: InterfaceSpecError.self) { try InterfaceSpec(parsing: text) }
    #expect(error?.description.contains(problem) == true, "\(String(describing: error))")
  }

  @Test func addressesInAnInterface() {
    var interface = ifnet()
    let addresses = (1...20).map { InterfaceAddress("10.0.0.\($0)/\($0)", family: 4)! }
    InterfaceAddress.write(addresses, to: &interface)
    #expect(interface.if_addrcount == UInt32(IFNET_MAXADDRS))
    #expect(InterfaceAddress.read(from: &interface) == Array(addresses.prefix(16)))
  }

  /// Who asks for an interface that was taken away gets none; its memory stays.
  @Test func withdrawnInterfaces() {
    let engine = Engine(Engine.Configuration(cpuCount: 1))
    let registry = engine.interfaces
    let first = registry.make(name: "a", type: IFT_ETHER)!
    let second = registry.make(name: "b", type: IFT_ETHER)!
    registry.withdraw(first)
    #expect(registry.interface(first.pointee.if_index) == nil)
    #expect(registry.interface(second.pointee.if_index) == second)
    #expect(registry.maxIndex == 2)
    #expect(first.pointee.if_index == 1)
    #expect(registry.make(name: "a", type: IFT_ETHER)!.pointee.if_index == 3)
  }
}
