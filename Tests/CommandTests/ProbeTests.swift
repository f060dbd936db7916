import Foundation
import TestSupport
import Testing

/// Plugins that are tried out before anybody trusts them. Not under a sanitizer, whose runtime makes system calls, and takes
/// up faults, of its own.
@Suite(.enabled(if: CPlugin.sanitizer == nil, "skipped: a sanitizer makes system calls of its own"))
struct ProbeTests {
  /// Bad code in the handler, at the fifth packet.
  static let handlers: [(body: String, reason: String)] = [
    ("*(volatile int *)0x10 = 1;", "SIGSEGV at 0x10 in bad_input+0x"),
    ("abort();", "SIGABRT in "),
    ("__builtin_trap();", "SIGILL in bad_input+0x"),
    ("exit(4);", "4"),
    ("syscall(SYS_exit_group, 5);", "ended the process with status 5, in bad_input+0x"),
    ("if (socket(AF_INET, SOCK_STREAM, 0) < 0) return;", "called socket, which no handler needs, in bad_input+0x"),
    ("if (fork() == 0) _exit(0);", "called clone, which no handler needs, in bad_input+0x"),
    ("execl(\"/bin/true\", \"true\", (char *)0);", "called execve, which no handler needs, in bad_input+0x"),
    (
      "if (open(\"evil\", O_WRONLY | O_CREAT, 0600) >= 0) return;",
      "called openat, which no handler needs, in bad_input+0x"
    ),
    ("kill(getppid(), 0);", "called kill, which no handler needs, in bad_input+0x"),
    ("syscall(SYS_ptrace, 0, 0, 0, 0);", "called ptrace, which no handler needs, in bad_input+0x"),
    ("signal(SIGUSR1, SIG_IGN);", "called rt_sigaction, which no handler needs, in bad_input+0x"),
    ("raise(SIGKILL);", "the process was killed by SIGKILL"),
    ("for (;;) *(volatile int *)&count = 6;", "did not return in bad_input+0x"),
    ("for (;;) usleep(1000);", "took too long, in bad_input+0x"),
  ]

  private static func source(
    handler: String = "", constructor: String = "", registration: String = "", unregistration: String = ""
  ) -> String {
    """
    #define _GNU_SOURCE
    #include <CNetISR.h>
    #include <fcntl.h>
    #include <pthread.h>
    #include <signal.h>
    #include <stdlib.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    NETISR_PLUGIN("bad", 11, 1, 1);
    static int count;
    __attribute__((unused)) static void *idle(void *argument) { for (;;) usleep(1000); return (argument); }
    \(constructor.isEmpty ? "" : "__attribute__((constructor)) static void begin(void) { \(constructor) }")
    __attribute__((visibility("default"))) void bad_input(struct mbuf *m);
    void bad_input(struct mbuf *m)
    {
      if (++count == 5) { \(handler) }
      m_freem(m);
    }
    void netisr_plugin_unregister(void) { \(unregistration) }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      \(registration)
      nhp->nh_name = "bad";
      nhp->nh_handler = bad_input;
      nhp->nh_proto = 11;
      nhp->nh_policy = NETISR_POLICY_SOURCE;
      return (0);
    }
    """
  }

  /// What the probe says of such a plugin.
  private func probe(_ source: String, _ options: String = "--timeout 3") throws -> (
    report: [String: Any], status: Int32
  ) {
    try Fixtures.withTemporaryDirectory { path in
      try CPlugin.compile(source, to: path + "/bad.so", flags: ["-std=gnu11"])
      let words = options.split(separator: " ").map(String.init)
      let result = try Command.run(["probe", "--json", path + "/bad.so"] + words, in: path)
      #expect(!FileManager.default.fileExists(atPath: path + "/evil"))
      return (try result.object(), result.status)
    }
  }

  @Test(arguments: handlers.indices)
  func badHandlersAreRefused(index: Int) throws {
    let (body, reason) = Self.handlers[index]
    let (report, status) = try probe(Self.source(handler: body))
    let reasons = report["reasons"] as? [String] ?? []
    #expect(status == 1 && report["verdict"] as? String == "refused")
    #expect(reasons.count == 1 && reasons.first?.contains(reason) == true, "\(body): \(reasons)")
    #expect(reasons.first?.hasSuffix(", at packet 5") == true, "\(body): \(reasons)")
    #expect(report["packets"] as? Int == 5)
  }

  @Test func badBeginningsAndEndsAreRefused() throws {
    let null = "*(volatile int *)0x20 = 1;"
    let constructor = try probe(Self.source(constructor: null)).report["reasons"] as? [String]
    #expect(
      constructor?.first?.hasPrefix("SIGSEGV at 0x20, where it could not be held, in ") == true, "\(constructor ?? [])")
    #expect(constructor?.first?.hasSuffix(", when it was loaded") == true)
    let registration = try probe(Self.source(registration: null)).report["reasons"] as? [String]
    #expect(
      registration?.first?.hasPrefix("netisr_plugin_register: SIGSEGV at 0x20 in ") == true, "\(registration ?? [])")
    let unregistration = try probe(Self.source(unregistration: null)).report["reasons"] as? [String]
    #expect(unregistration?.first?.hasSuffix(", when it was unloaded") == true, "\(unregistration ?? [])")
    let refusing = try probe(Self.source(registration: "return (12);")).report["reasons"] as? [String]
    #expect(refusing == ["netisr_plugin_register returned 12 (Cannot allocate memory)"])
  }

  @Test func aThreadThatStaysIsFound() throws {
    let body = "pthread_t t; if (pthread_create(&t, 0, idle, 0) != 0) abort();"
    let (report, status) = try probe(Self.source(handler: body), "--packets 100")
    #expect(status == 1 && report["reasons"] as? [String] == ["left 1 thread running that it had begun"])
  }

  @Test func aGoodOneMayReadAndLeaks() throws {
    let body = "int fd = open(\"/etc/passwd\", O_RDONLY); if (fd >= 0) close(fd); return;"
    let (report, status) = try probe(Self.source(handler: body), "--packets 100 --seed 9")
    #expect(status == 0 && report["verdict"] as? String == "accepted")
    #expect(report["packets"] as? Int == 100 && report["seed"] as? Int == 9)
    #expect(report["leaked_mbufs"] as? Int == 1)
  }

  @Test(arguments: Fixtures.protocols + ["udpecho", "null"])
  func shippedPluginsPass(name: String) throws {
    let result = try Command.run("probe --json --packets 3000", Fixtures.plugin(name))
    let report = try result.object()
    #expect(result.status == 0, "\(result.error)")
    #expect(report["packets"] as? Int == 3000)
    // Reassembly may hold what is not complete: that goes with its table.
    #expect(report["leaked_mbufs"] as? Int == 0)
  }

  @Test func capturesAreSent() throws {
    let samples = Fixtures.root + "/Samples"
    for (name, capture, packets) in [("arp", "ethernet", 14), ("igmp", "ethernet", 31), ("route", "netlink", 140)] {
      let result = try Command.run("probe --json", Fixtures.plugin(name), "\(samples)/\(capture).pcap")
      #expect(result.status == 0, "\(name): \(result.error)")
      #expect(try result.object()["packets"] as? Int == packets)
    }
    let none = try Command.run("probe", Fixtures.plugin("arp"), "\(samples)/netlink.pcap")
    #expect(none.status == 1 && none.complaints.first?.hasSuffix("the captures have no packet for protocol 4") == true)
    let missing = try Command.run("probe", Fixtures.plugin("arp"), "/nowhere.pcap")
    #expect(
      missing.status == 1 && missing.complaints == ["netisr: /nowhere.pcap: cannot open: No such file or directory"])
  }

  @Test func wrongUseIsSaid() throws {
    #expect(try Command.run("probe").status == 64)
    #expect(try Command.run("probe --packets 0 x.so").status == 64)
    let text = try Command.run("probe", "/etc/passwd")
    #expect(text.status == 1 && text.complaints.first?.contains("not-elf") == true)
    let process = try Command.run("probe-process 1 2 3 4 5 6")
    #expect(process.status == 1 && process.complaints.first?.contains("is for netisr's own use") == true)
  }

  /// What the policy does not have is not tried out: no code of it is run.
  @Test func aPolicyComesFirst() throws {
    try Fixtures.withTemporaryDirectory { path in
      let file = path + "/bad.so"
      let constructor = "*(volatile int *)0x20 = 1;"
      try CPlugin.compile(Self.source(constructor: constructor), to: file, flags: ["-std=gnu11"])
      let strict = try Command.run("probe --json --strict", file)
      let reasons = try strict.object()["reasons"] as? [String] ?? []
      #expect(strict.status == 1 && reasons.first?.hasPrefix("constructor: ") == true, "\(reasons)")
      #expect(!reasons.contains { $0.contains("SIGSEGV") })
      #expect(try strict.object()["packets"] as? Int == 0)

      #expect(try Command.run("keygen --output", path + "/builder").status == 0)
      let keys = path + "/keys"
      try FileManager.default.createDirectory(atPath: keys, withIntermediateDirectories: false)
      try FileManager.default.copyItem(atPath: path + "/builder.pub", toPath: keys + "/builder.pub")
      let good = path + "/arp.so"
      try FileManager.default.copyItem(atPath: Fixtures.plugin("arp"), toPath: good)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: good)
      let probe = { try Command.run("probe --packets 100 --require-signatures --keys", keys, good) }
      let unsigned = try probe()
      #expect(unsigned.status == 1 && unsigned.complaints.first?.contains("signature") == true, "\(unsigned.error)")
      #expect(try Command.run("sign --key", path + "/builder.sec", good).status == 0)
      let signed = try probe()
      #expect(signed.status == 0, "\(signed.error)")
    }
  }

  @Test func everyLoadOfAHostCanBeProbed() throws {
    try Workbench.with(plugins: ["ether", "ip"]) { bench in
      let bad = bench.path + "/bad.so"
      try CPlugin.compile(Self.source(handler: "*(volatile int *)0x10 = 1;"), to: bad, flags: ["-std=gnu11"])
      let configuration = try bench.write(Array("probe: true\n".utf8), as: "netisr.yaml")
      try RunningHost.with(bench, ["--config", configuration]) { host in
        #expect(try host.shows("ip.so", state: "serving", generation: 1))
        try bench.drop(bad, as: "bad.so")
        #expect(try eventually { try host.shows("bad.so", state: "refused", generation: 0) })
        let reasons = try host.plugins(file: "bad.so").first?["reasons"] as? [String]
        #expect(reasons?.first?.hasPrefix("probe: SIGSEGV at 0x10 in bad_input+0x") == true, "\(reasons ?? [])")
        let asked = try host.ask("load", bad)
        #expect(asked.status == 1 && asked.complaints.first?.contains("probe: SIGSEGV") == true)
        // Nothing of it was ever in the host.
        #expect(try (host.ask("faults --json").object()["faults"] as? [Any])?.isEmpty == true)

        #expect(try host.ask("set net.isr.probe=0").output == "net.isr.probe: 1 -> 0\n")
        #expect(try host.ask("load", bad).status == 0)
      }
    }
  }
}
