import Testing

@testable import PacketIO

@Suite struct InterfaceSpecTests {
  @Test(
    arguments: [
      ("a.pcap", CaptureSpec(path: "a.pcap")),
      ("file:a.pcap", CaptureSpec(path: "a.pcap")),
      ("file:/x/a:b.pcap?loop", CaptureSpec(path: "/x/a:b.pcap", passes: nil)),
      ("./a:b.pcap", CaptureSpec(path: "./a:b.pcap")),
      ("file:a?pair", CaptureSpec(path: "a", isPaired: true)),
      ("file:a?loop=3&pps=1000&vnet=1", CaptureSpec(path: "a", passes: 3, packetsPerSecond: 1000, vnet: 1)),
      ("a.pcap?vnet=4294967295", CaptureSpec(path: "a.pcap", vnet: 4_294_967_295)),
      ("file:what%3F%3f100%25", CaptureSpec(path: "what??100%25")),
      ("file:a?", CaptureSpec(path: "a")),
      ("file:-", CaptureSpec(path: "-")),
    ])
  func good(text: String, spec: CaptureSpec) throws {
    #expect(try InterfaceSpec(parsing: text) == .capture(spec))
  }

  @Test(
    arguments: [
      ("", "expected a path"),
      ("file:", "expected a path after \"file:\""),
      ("file:?loop", "expected a path after \"file:\""),
      (
        "tun:x",
        "unknown scheme \"tun\"; expected file:PATH, packet:DEVICE, tap:DEVICE, epair:NAME, atm:NAME, netlink:, or a path (with a \"/\" in it if it has a \":\")"
      ),
      ("file:a?speed=1", "unknown option \"speed\"; expected one of loop, loop=N, pair, pps=N, vnet=N"),
      ("file:a?pair=1", "option \"pair\" takes no value, found \"1\""),
      ("file:a?loop=0", "option \"loop\": expected a number from 1 up, found \"0\""),
      ("file:a?loop=", "option \"loop\": expected a number from 1 up, found \"\""),
      ("file:a?pps", "option \"pps\": expected a number from 1 to 1000000000, found nothing"),
      ("file:a?vnet=-1", "option \"vnet\": expected a number from 0 to 4294967295, found \"-1\""),
      ("file:a?vnet=4294967296", "option \"vnet\": expected a number from 0 to 4294967295, found \"4294967296\""),
      ("file:a?loop&loop=2", "option \"loop\" is given twice"),
    ])
  func bad(text: String, problem: String) {
    let error = #expect(throws: InterfaceSpecError.self) { try InterfaceSpec(parsing: text) }
    #expect(error?.description == "interface \"\(text)\": \(problem)")
  }
}
