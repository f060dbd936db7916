import Foundation

/// What a round came to, in packets.
struct Round {
  var seconds: Double
  /// Out of the sender's device.
  var sent: Int
  /// Taken from the router's device: by the kernel, or by the host from its ring.
  var received: Int
  /// Forwarded, as the router counts it.
  var handled: Int
  /// Into the far device.
  var arrived: Int
}

/// Three namespaces in a row: a --a0=ra-- r --rb=b0-- b.
final class Network {
  private let run = "netisr-bench-\(getpid())"
  private var sink: Process?

  init() throws {
    for name in ["a", "r", "b"] { try sh("ip netns add \(run)-\(name)") }
    for (side, number) in [("a", 1), ("b", 2)] {
      try sh("ip link add r\(side) netns \(run)-r type veth peer name \(side)0 netns \(run)-\(side)")
      try sh("ip netns exec \(run)-r sysctl -q net.ipv6.conf.r\(side).disable_ipv6=1")
      try sh("ip netns exec \(run)-\(side) sysctl -q net.ipv6.conf.\(side)0.disable_ipv6=1")
      try sh("ip -n \(run)-r link set r\(side) up")
      try sh("ip -n \(run)-\(side) link set \(side)0 up")
      try sh("ip -n \(run)-\(side) addr add 10.9.\(number).1/24 dev \(side)0")
      try sh("ip -n \(run)-\(side) route add default via 10.9.\(number).2")
    }
    sink = try start("b", [CommandLine.arguments[0], "sink"])
  }

  func remove() {
    sink?.terminate()
    sink?.waitUntilExit()
    for name in ["a", "r", "b"] { _ = try? sh("ip netns del \(run)-\(name)") }
  }

  /// Runs `body` while the kernel of the middle forwards.
  func withKernel<T>(_ body: () throws -> T) throws -> T {
    for (device, number) in [("ra", 1), ("rb", 2)] {
      try sh("ip -n \(run)-r addr add 10.9.\(number).2/24 dev \(device)")
    }
    try sh("ip netns exec \(run)-r sysctl -q net.ipv4.ip_forward=1")
    defer {
      _ = try? sh("ip netns exec \(run)-r sysctl -q net.ipv4.ip_forward=0")
      for device in ["ra", "rb"] { _ = try? sh("ip -n \(run)-r addr flush dev \(device)") }
    }
    try waitForWay()
    return try body()
  }

  /// Runs `body` while a host of plugins does, with the host's control socket.
  func withHost<T>(netisr: String, plugins: String, _ body: (String) throws -> T) throws -> T {
    let socket = FileManager.default.temporaryDirectory.appendingPathComponent("\(run).sock").path
    let host = try start(
      "r",
      [
        netisr, "run", "--log-level", "error", "--plugins", plugins, "--control", socket,
        "--interface", "packet:ra?inet=10.9.1.2/24", "--interface", "packet:rb?inet=10.9.2.2/24",
      ])
    defer {
      host.terminate()
      host.waitUntilExit()
    }
    for _ in 0..<100 where (try? sh("\(netisr) set net.inet.ip.forwarding=1 --control \(socket)")) == nil {
      usleep(100_000)
    }
    try waitForWay()
    self.netisr = netisr
    return try body(socket)
  }

  private var netisr = ""

  /// One round of traffic.
  func round(_ seconds: Double, host: String?) throws -> Round {
    let before = try figures(host)
    let sender = try start("a", [CommandLine.arguments[0], "send", "10.9.2.1", "\(seconds)"])
    sender.waitUntilExit()
    // What is on its way still arrives.
    usleep(300_000)
    let after = try figures(host)
    return Round(
      seconds: seconds, sent: after.sent - before.sent, received: after.received - before.received,
      handled: after.handled - before.handled, arrived: after.arrived - before.arrived)
  }

  private func figures(_ host: String?) throws -> Round {
    var round = Round(
      seconds: 0, sent: try device("a", "a0", "tx_packets"), received: try device("r", "ra", "rx_packets"),
      handled: try device("r", "rb", "tx_packets"), arrived: try device("b", "b0", "rx_packets"))
    guard let host else { return round }
    let interfaces = try json("\(netisr) if stat --json --control \(host)")["interfaces"] as? [[String: Any]] ?? []
    let counters = try json("\(netisr) stat --json --control \(host)")["counters"] as? [String: [String: Int]] ?? [:]
    round.received = interfaces.first { $0["name"] as? String == "ra" }?["frames"] as? Int ?? 0
    round.handled = counters["ip"]?["forward"] ?? 0
    return round
  }

  private func json(_ line: String) throws -> [String: Any] {
    guard let object = try JSONSerialization.jsonObject(with: Data(try sh(line).utf8)) as? [String: Any] else {
      throw Failure("\(line): expected a JSON object")
    }
    return object
  }

  private func device(_ name: String, _ device: String, _ counter: String) throws -> Int {
    let text = try sh("ip netns exec \(run)-\(name) cat /sys/class/net/\(device)/statistics/\(counter)")
    return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }

  /// Until an echo comes back: neighbours are known then.
  private func waitForWay() throws {
    for _ in 0..<100 {
      if (try? sh("ip netns exec \(run)-a ping -q -c 1 -W 1 10.9.2.1")) != nil { return }
      usleep(100_000)
    }
    throw Failure("no way from one end to the other")
  }

  private func start(_ name: String, _ command: [String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["ip", "netns", "exec", "\(run)-\(name)"] + command
    try process.run()
    return process
  }

  /// Runs a line of words to its end, and answers what it printed.
  @discardableResult
  private func sh(_ line: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = line.split(separator: " ").map(String.init)
    let (output, error) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = error
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure("\(line): \(String(decoding: error.fileHandleForReading.availableData, as: UTF8.self))")
    }
    return String(decoding: text, as: UTF8.self)
  }
}
