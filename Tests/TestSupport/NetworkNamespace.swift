import Foundation

/// A network namespace of its own for one test, made with ip(8): devices, addresses and routes in it are nobody else's.
/// It is deleted, and all devices in it, when this object goes, however the test ended.
public final class NetworkNamespace {
  /// Why tests can't make namespaces here; nil where they can.
  public static let obstacle: String? = {
    guard geteuid() == 0 else { return "network namespaces take root" }
    guard let probe = try? NetworkNamespace() else { return "ip netns add does not work here" }
    do {
      try probe.ip("link add probe0 type veth peer name probe1")
      return nil
    } catch {
      return "no veth devices here: \(error)"
    }
  }()

  /// As ip(8) knows it.
  public let name: String
  /// What to put before a command so that it runs inside.
  public var prefix: [String] { ["ip", "netns", "exec", name] }

  /// A new namespace, with its loopback device up.
  public init() throws {
    name = "netisr-\(UUID().uuidString.prefix(13).lowercased())"
    try CPlugin.run(["ip", "netns", "add", name])
    try ip("link set lo up")
  }

  deinit { try? CPlugin.run(["ip", "netns", "del", name]) }

  /// Runs ip(8) on the namespace with the words of a line.
  public func ip(_ line: String) throws {
    try CPlugin.run(["ip", "-n", name] + line.split(separator: " ").map(String.init))
  }

  /// Runs a command inside and returns what it prints, also when it fails.
  public func output(of line: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = prefix + line.split(separator: " ").map(String.init)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }

  /// A veth pair, both ends up: the host under test is to take `near`, the kernel has `far`, which speaks only when it is
  /// asked to: without IPv6, at 10.9.0.1/24, and knowing where 10.9.0.2 is.
  public func makeLink(near: String = "near", far: String = "far") throws {
    try ip("link add \(near) type veth peer name \(far)")
    for device in [near, far] {
      _ = try output(of: "sysctl -q net.ipv6.conf.\(device).disable_ipv6=1")
      try ip("link set \(device) up")
    }
    try ip("addr add 10.9.0.1/24 dev \(far)")
    try ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev \(far)")
  }

  /// Runs `body` on this thread inside of the namespace: sockets that it makes are there, and stay there.
  public func inside<T>(_ body: () throws -> T) throws -> T {
    typealias Enter = @convention(c) (Int32, Int32) -> Int32
    guard let symbol = dlsym(nil, "setns") else { throw CPlugin.Failure(description: "no setns(2)") }
    let enter = unsafeBitCast(symbol, to: Enter.self)
    let before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    let target = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
    defer {
      close(before)
      close(target)
    }
    guard before >= 0, target >= 0, enter(target, 0) == 0 else {
      throw CPlugin.Failure(description: "setns: errno \(errno)")
    }
    defer { precondition(enter(before, 0) == 0, "the way back is lost") }
    return try body()
  }
}
