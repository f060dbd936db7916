import Foundation
import TestSupport
import Testing

/// What can't be contained ends the host, and it is said whose code it was. The sanitizers have last words of their own.
@Suite(.enabled(if: CPlugin.sanitizer == nil, "skipped: the sanitizer reports instead")) struct LastWordsTests {
  /// Replays a capture through the shipped "ether" and an "ip" that does `misdeed` with its first packet.
  private func replay(_ misdeed: String, before: String = "") throws -> Command.Result {
    try replay { file in
      try CPlugin.compile(
        """
        #define _GNU_SOURCE
        #include <CNetISR.h>
        #include <err.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        NETISR_PLUGIN("ip", NETISR_IP, 1, 666);
        \(before)
        static void input(struct mbuf *m)
        {
          \(misdeed)
          m_freem(m);
        }
        int netisr_plugin_register(struct netisr_handler *nhp)
        {
          nhp->nh_name = "ip";
          nhp->nh_handler = input;
          nhp->nh_proto = NETISR_IP;
          nhp->nh_policy = NETISR_POLICY_SOURCE;
          return (0);
        }
        """, to: file)
    }
  }

  /// The same with an "ip" of any kind.
  private func replay(compile: (_ file: String) throws -> Void) throws -> Command.Result {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = bench.path + "/ip-bad.so"
      try compile(file)
      try bench.drop(file, as: "ip.so")
      return try Command.run("replay --plugins", bench.plugins, Fixtures.root + "/Samples/ethernet.pcap")
    }
  }

  /// The host's own function is in the middle of its state.
  @Test func aFaultInsideOfTheHostNamesThePlugin() throws {
    let result = try replay("m_freem((struct mbuf *)(uintptr_t)0x10);")
    #expect(result.status == -SIGSEGV, "\(result.status): \(result.error)")
    #expect(result.error.contains("netisr: fatal: SIGSEGV at 0x"), "\(result.error)")
    #expect(result.error.contains("on behalf of plugin netisr:ip#1@"), "\(result.error)")
    #expect(result.error.contains("m_free"), "\(result.error)")
  }

  /// The C library ends the process itself, whatever status it was given.
  @Test func anEndFromWithinALibraryNamesThePlugin() throws {
    let result = try replay("errx(0, \"that was it\");")
    #expect(result.status == 70, "\(result.status): \(result.error)")
    #expect(result.error.contains("netisr: fatal: exit was called on behalf of plugin netisr:ip#1@"), "\(result.error)")
    #expect(result.error.contains("errx+0x"), "\(result.error)")
  }

  /// It runs inside of the dynamic linker.
  @Test func aConstructorThatFaultsNamesThePlugin() throws {
    let result = try replay(
      "", before: "__attribute__((constructor)) static void begin(void) { *(volatile int *)0xdead0 = 1; }")
    #expect(result.status == -SIGSEGV, "\(result.status): \(result.error)")
    #expect(
      result.error.contains("netisr: fatal: SIGSEGV at 0xdead0 while netisr:ip#1@"), "\(result.error)")
    #expect(result.error.contains("was being loaded: in a constructor of it"), "\(result.error)")
  }

  /// Swift has none of its own accord: it is put where the dynamic linker looks for them.
  @Test func aConstructorInSwiftNamesThePlugin() throws {
    let result = try replay { file in
      try SwiftPlugin.compile(
        """
        import NetISRPlugin

        @section(".note.netisr") @used
        let abiNote: ABINote = (
          7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
          magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
          proto: 1, stateVersion: 1, flags: 0, pluginVersion: 666,
          name: [0x69, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "ip"
        )
        nonisolated(unsafe) var isReady = false

        @section(".init_array") @used
        let constructor: @convention(c) () -> Void = { precondition(isReady) }

        @c @implementation
        public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
          nhp.pointee.serve("ip", number: 1, policy: NETISR_POLICY_SOURCE) { m_freem($0) }
          return 0
        }
        """, module: "ip", to: file)
    }
    #expect(result.status == -SIGILL, "\(result.status): \(result.error)")
    #expect(result.error.contains("netisr: fatal: SIGILL"), "\(result.error)")
    #expect(result.error.contains("while netisr:ip#1@"), "\(result.error)")
    #expect(result.error.contains("was being loaded: in a constructor of it"), "\(result.error)")
  }
}
