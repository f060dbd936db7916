import Foundation
import TestSupport
import Testing

/// A host in a namespace of its own, with the kernel at the other end of a link.
struct LiveBench {
  let bench: Workbench
  let namespace: NetworkNamespace
  let host: RunningHost

  /// Runs `body` with a host of these plugins and arguments, and ends it in order.
  ///
  /// - Parameter reflector: whether the plugin that answers everything serves Ethernet.
  static func with(
    plugins: [String], reflector: Bool = false, _ arguments: [String],
    prepare: (NetworkNamespace) throws -> Void = { _ in },
    _ body: (LiveBench) throws -> Void
  ) throws {
    try Workbench.with(plugins: plugins) { bench in
      let namespace = try NetworkNamespace()
      try namespace.makeLink()
      try prepare(namespace)
      if reflector {
        try CPlugin.compile(Reflector.source, to: bench.path + "/reflector.so")
        try bench.drop(bench.path + "/reflector.so", as: "reflector.so")
      }
      let host = try RunningHost(bench, arguments, under: namespace.prefix)
      do {
        try body(LiveBench(bench: bench, namespace: namespace, host: host))
      } catch {
        host.running.process.terminate()
        host.running.process.waitUntilExit()
        throw error
      }
      let ended = try host.end()
      #expect(ended.status == 0, "\(ended.error)")
      #expect(!ended.error.contains("leaked"), "\(ended.error)")
    }
  }

  /// The summary of an interface.
  func interface(_ name: String) throws -> [String: Any] {
    let list = try host.ask("if stat --json").object()["interfaces"] as? [[String: Any]] ?? []
    return try #require(list.first { $0["name"] as? String == name }, "no interface \(name)")
  }

  func figure(_ interface: String, _ key: String) throws -> Int {
    try #require(try self.interface(interface)[key] as? Int, "\(interface).\(key)")
  }

  func state(_ interface: String) throws -> String {
    try #require(try self.interface(interface)["state"] as? String)
  }

  /// A counter of a plugin.
  func counter(_ group: String, _ name: String) throws -> Int { try host.figure("counters", group, name) }

  /// Expects that nothing was lost: by the kernel, by the interface, by the engine.
  func expectNoLoss(_ interface: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    for key in ["kernel_dropped", "send_dropped", "no_buffers"] {
      #expect(try figure(interface, key) == 0, "\(key)", sourceLocation: sourceLocation)
    }
    let balance = try #require(try host.ask("stat --json").object()["conservation"] as? [String: Any])
    #expect(balance["balanced"] as? Bool == true, sourceLocation: sourceLocation)
    #expect((balance["dropped"] as? [String: Int])?.isEmpty == true, "\(balance)", sourceLocation: sourceLocation)
  }
}
