import TestSupport

/// The plugins of a soak: the eight protocols as shipped, and one of protocol 13 that is bad in several ways.
struct SoakPlugins {
  /// What the bad one does with packets that begin with `!`.
  static let misdeeds = [
    "*(volatile int *)0 = 1;", "__builtin_trap();", "((void (*)(void))(uintptr_t)0x10)();",
    "volatile int zero = 0; counter_add(mine, (uint64_t)(7 / zero));", "counter_add(mine, (uint64_t)sink(m, 0));",
    // Found by the watchdog.
    "while (!never) ;",
  ]
  private let folder: String

  /// Compiles all builds of the bad one; the shipped ones are the build's.
  init(in folder: String) throws {
    self.folder = folder
    for (index, misdeed) in Self.misdeeds.enumerated() {
      try CPlugin.compile(Self.source(misdeed, build: index), to: bad(index), isInstrumented: false)
    }
  }

  /// The file of one build of the bad one.
  func bad(_ build: Int) -> String { "\(folder)/bad-\(build).so" }

  private static func source(_ misdeed: String, build: Int) -> String {
    """
    #include <CNetISR.h>
    NETISR_PLUGIN("bad", 13, 1, \(build));
    static counter_t mine;
    static volatile int never;
    __attribute__((noinline, optnone)) static int sink(struct mbuf *m, int depth)
    {
      volatile char room[512];
      if (depth < 0)
        return (0);
      room[depth & 511] = (char)depth;
      return (sink(m, depth + 1) + room[m->m_len & 511]);
    }
    static void input(struct mbuf *m)
    {
      (void)sink;
      (void)never;
      if (*(char *)m->m_data == '!') { \(misdeed) }
      counter_add(mine, 1);
      m_freem(m);
    }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      nhp->nh_name = "bad";
      nhp->nh_handler = input;
      nhp->nh_proto = 13;
      nhp->nh_policy = NETISR_POLICY_FLOW;
      return (counter_define("bad.handled", &mine));
    }
    """
  }
}
