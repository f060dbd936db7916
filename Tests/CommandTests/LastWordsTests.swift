import Foundation
import TestSupport
import Testing

/// What can't be contained ends the host, and it is said whose code it was. The sanitizers have last words of their own.
@Suite(.enabled(if: CPlugin.sanitizer == nil, "skipped: the sanitizer reports instead")) struct LastWordsTests {
  /// Replays a capture through the shipped "ether" and an "ip" that does `misdeed` with its first packet.
  private func replay(_ misdeed: String, before: String = "") throws -> Command.Result {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = bench.path + "/ip-bad.so"
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
}
