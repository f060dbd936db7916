import CNetISR
import Foundation
import NetISR
import PluginHost
import Testing
import TestSupport

/// Images that may never be unmapped.
@Suite struct ResidentTests {
  /// An ordinary Swift library: the runtime has registered its conformances, and has no way to forget them. Unmapped, the
  /// next cast anywhere in the process would read freed memory.
  static func swiftPlugin(build: Int) -> String {
    """
    import CNetISR

    protocol Describable { var text: String { get } }
    struct Build: Describable { var text: String { "build \(build)" } }
    struct Other: Describable { var text: String { "other" } }

    @section(".note.netisr") @used
    let abiNote: (
      UInt32, UInt32, UInt32, InlineArray<8, UInt8>, UInt32, UInt32, UInt16, UInt16, UInt32, UInt32, UInt32, UInt32,
      UInt32, UInt32, InlineArray<16, UInt8>
    ) = (
      7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0], 0x4e49_5352, 52, 1, 0, 104, 256, 12, 1, 0, \(build),
      [0x73, 0x77, 0x69, 0x66, 0x74, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

    nonisolated(unsafe) var described: counter_t = 0

    @c @implementation
    public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
      let name: StaticString = "swift"
      guard counter_define("swift.build\(build)", &described) == 0 else { return 12 }
      nhp.pointee.nh_name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
      nhp.pointee.nh_proto = 12
      nhp.pointee.nh_policy = UInt32(NETISR_POLICY_SOURCE)
      nhp.pointee.nh_handler = { m in
        let values: [Any] = [Build(), Other(), 7]
        for value in values where (value as? any Describable)?.text == "build \(build)" { counter_add(described, 1) }
        m_freem(m)
      }
      return 0
    }
    """
  }

  private static func compile(build: Int, in folder: String) throws -> String {
    let source = "\(folder)/swift\(build).swift"
    let output = "\(folder)/swift\(build).so"
    try swiftPlugin(build: build).write(toFile: source, atomically: true, encoding: .utf8)
    var arguments = [
      "swiftc", "-parse-as-library", "-O", "-emit-library", "-module-name", "Build\(build)", "-I",
      "\(Fixtures.root)/Sources/CNetISR/include", "-use-ld=lld", "-Xlinker", "--build-id=sha1", "-o", output, source,
    ]
    if let sanitizer = CPlugin.sanitizer { arguments.append("-sanitize=\(sanitizer)") }
    try CPlugin.run(arguments)
    return output
  }

  @Test func anOrdinarySwiftPluginIsSwappedAndUnloadedAndStays() throws {
    try Fixtures.withTemporaryDirectory { folder in
      let builds = try [1, 2].map { try Self.compile(build: $0, in: folder) }
      try withHost { engine, host in
        try host.load(builds[0])
        let done = Flag()
        let sender = NetISR.Thread(name: "sender") {
          engine.withAttachedThread {
            while !done.isSet {
              if let m = m_gethdr(M_NOWAIT, MT_DATA) { netisr_dispatch(12, m) }
            }
          }
        }
        #expect(eventually { engine.counterValue(named: "swift.build1") ?? 0 > 1000 })
        try host.reload("swift", from: builds[1])
        #expect(eventually { engine.counterValue(named: "swift.build2") ?? 0 > 1000 })
        try host.unload("swift")
        try host.load(builds[0])
        try host.unload("swift")
        done.set()
        sender.join()

        // Casts walk through every conformance that was ever registered.
        var hits = 0
        for index in 0..<1000 {
          let value: Any = index % 2 == 0 ? [index] as Any : "\(index)" as Any
          if value is any Sequence { hits += 1 }
          if value is any RandomNumberGenerator { hits += 1 }
        }
        #expect(hits == 1000)

        let resident = host.list().filter { $0.state == .resident }
        #expect(resident.map(\.generation) == [3, 2, 1])
        #expect(resident.allSatisfy { !$0.reasons.isEmpty })
        #expect(ProcessMaps.memoryFiles(prefix: "netisr:swift#").count == 3)
        #expect(engine.conservation().isBalanced)
      }
    }
  }
}
