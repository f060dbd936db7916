import Foundation
import TestSupport
import Testing

/// What tests of IPv6 on real links share: the kernel's stack at the other end.
enum LiveIP6 {
  static let plugins = ["ether", "ip6"]
  /// Of the kernel and of the host, on one link.
  static let kernel = "2001:db8:9::1"
  static let host = "2001:db8:9::2"

  /// The kernel speaks IPv6 on its end, and has an address there.
  static func prepare(_ namespace: NetworkNamespace) throws {
    try namespace.sysctl("net.ipv6.conf.far.disable_ipv6=0")
    try namespace.ip("-6 addr add \(kernel)/64 dev far nodad")
  }

  /// Runs `body` with a host that has an address on the link, which it uses.
  static func with(_ options: String = "?inet6=\(host)/64", _ body: (LiveBench) throws -> Void) throws {
    try LiveBench.with(plugins: plugins, ["--interface", "packet:near\(options)"], prepare: prepare) { live in
      try live.waitForAddresses()
      try body(live)
    }
  }
}

extension NetworkNamespace {
  func sysctl(_ setting: String) throws {
    _ = try output(of: "sysctl -q -w \(setting)")
    let (name, value) = (setting.prefix { $0 != "=" }, setting.drop { $0 != "=" }.dropFirst())
    let now = try output(of: "sysctl -n \(name)").trimmingCharacters(in: .whitespacesAndNewlines)
    guard now == value else { throw Surprise(description: "\(setting): it is \(now)") }
  }

  /// A device's link-level address.
  func linkAddress(_ device: String) throws -> String {
    try output(of: "cat /sys/class/net/\(device)/address").trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Answers that ping(8) has received; its other arguments are `line`.
  func pings(_ line: String) throws -> (sent: Int, received: Int) {
    let before = try echoReplies()
    let sent = Self.sent(try output(of: "ping -6 -q \(line)"))
    return (sent, try echoReplies(beyond: before, upTo: sent))
  }
}

extension LiveBench {
  /// Entries of one of the host's tables.
  func table(_ name: String) throws -> [[String: Any]] {
    try host.ask("table show \(name) --json").object()["entries"] as? [[String: Any]] ?? []
  }

  /// Waits until none of the host's IPv6 addresses is tentative any more.
  func waitForAddresses() throws {
    let isSettled = try eventually {
      let text = try host.ask("table show ip6.addresses").output
      let states = text.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").dropFirst(2).first }
      return !states.isEmpty && !states.contains("1")
    }
    #expect(isSettled, "addresses stay tentative")
  }

  /// The state of an own address; nil when there is none.
  func addressState(_ address: String) throws -> String? {
    let text = try host.ask("table show ip6.addresses").output
    let line = text.split(separator: "\n").first { $0.hasPrefix(address + " ") }
    return line.flatMap { $0.split(separator: " ").dropFirst(2).first.map(String.init) }
  }
}

/// tcpdump(8) on a device, for as long as `body` runs; what it has to say of each packet afterwards.
func watching(_ device: String, in namespace: NetworkNamespace, _ body: () throws -> Void) throws -> String {
  try Fixtures.withTemporaryDirectory { path in
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let options = ["-i", device, "-Z", "root", "--immediate-mode", "-U", "-w", path + "/link.pcap", "ip6"]
    process.arguments = namespace.prefix + ["tcpdump"] + options
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    // By force: on a link where nothing comes any more it does not hear of anything milder.
    defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    _ = eventually { FileManager.default.fileExists(atPath: path + "/link.pcap") }
    try body()
    usleep(500_000)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return try namespace.output(of: "tcpdump -vv -n -r \(path)/link.pcap")
  }
}

/// The lines of a text that have a word in them, of which the first few say enough.
func lines(of text: String, with word: String) -> String {
  text.split(separator: "\n").filter { $0.lowercased().contains(word) }.prefix(3).joined(separator: "\n")
}
