import Testing

@Suite struct UsageTests {
  @Test(arguments: [
    "replay", "replay --dispatch sideways x.pcap", "replay --threads 0 x.pcap", "replay --loop 0 x.pcap", "inspect",
    "nonsense", "set net.isr.dispatch", "set =direct", "load", "run --interface carrier-pigeon:7", "stat --nonsense",
    "bench --rounds 0", "bench carrier-pigeon", "explain", "explain --frame 0 x.pcap", "explain --limit 0 x.pcap",
    "explain --frame 1 --limit 2 x.pcap", "explain --frame 1 --summary x.pcap", "explain --running --threads 2 x.pcap",
    "if add carrier-pigeon:7", "if remove", "run --config", "sign x.so", "sign --key x.sec", "keygen --output ",
    "inspect --policy",
  ])
  func wrongCommandLine(line: String) throws {
    let result = try Command.run(line)
    #expect(result.status == 64, "\(result.error)")
    #expect(result.output == "")
    #expect(result.error.contains("Error: "))
  }

  @Test(arguments: [
    "run", "replay", "explain", "inspect", "load", "unload", "reload", "list", "stat", "get", "set", "bench", "if",
    "keygen", "sign",
  ])
  func helpHasExamples(command: String) throws {
    let result = try Command.run("\(command) --help")
    #expect(result.status == 0)
    #expect(result.output.contains("EXAMPLES"))
    #expect(result.output.contains("netisr \(command)"))
  }

  @Test func version() throws {
    let result = try Command.run("--version")
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("netisr "))
  }

  @Test(arguments: [
    "list", "stat", "get", "unload x", "reload x", "load x.so", "set a=b", "stat --advice", "explain --running x.pcap",
    "if list", "if remove x",
  ])
  func noHost(line: String) throws {
    let result = try Command.run(line, "--control", "/tmp/netisr-no-such-socket")
    #expect(result.status == 1)
    #expect(result.complaints == ["netisr: no host answers at /tmp/netisr-no-such-socket: start one with `netisr run`"])
  }
}
