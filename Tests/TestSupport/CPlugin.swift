import Foundation

/// Plugins in C, compiled at test time against the project's headers.
public enum CPlugin {
  /// Whether this process runs under a sanitizer: tests do less then, and plugins are built with it too.
  public static let sanitizer: String? =
    dlsym(nil, "__tsan_init") != nil ? "thread" : dlsym(nil, "__asan_init") != nil ? "address" : nil

  /// Compiles `source` to a shared object at `path`. Throws what the compiler printed.
  ///
  /// - Parameter isInstrumented: under a sanitizer, whether the plugin is built with it: the sanitizer's own code then
  ///   stands between the plugin and the memory that it touches.
  public static func compile(
    _ source: String, to path: String, flags: [String] = [], isInstrumented: Bool = true
  ) throws {
    let file = path + ".c"
    try source.write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    var arguments = [
      "clang", "-std=c11", "-O1", "-Wall", "-Werror", "-Wno-misleading-indentation", "-fPIC", "-shared", "-fuse-ld=lld",
      "-Wl,--build-id=sha1",
      "-I", "\(Fixtures.root)/Sources/CNetISR/include", "-o", path, file,
    ]
    if isInstrumented, let sanitizer { arguments.append("-fsanitize=\(sanitizer)") }
    try run(arguments + flags)
  }

  /// Runs a command to its end. Throws its standard error when it fails.
  public static func run(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let text = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: arguments.joined(separator: " ") + "\n" + String(decoding: text, as: UTF8.self))
    }
  }

  /// What a failed command printed.
  public struct Failure: Error, CustomStringConvertible {
    /// The command, and its standard error.
    public let description: String

    /// Says what failed.
    public init(description: String) { self.description = description }
  }

  /// A plugin of protocol 11 named "probe", whose builds differ by `build` (a counter "probe.build<build>"), and which
  /// checks the order of each flow: `ph_loc[0]` is a packet's number in its flow, `ph_loc[1]` points to the last
  /// numbers seen, by flow id. What comes late or twice is counted in "probe.disorder".
  public static func probe(
    build: Int, stateVersion: Int = 1, extra: String = "", dispatch: String = "DEFAULT", registration: String = ""
  ) -> String {
    """
    #include <CNetISR.h>
    NETISR_PLUGIN("probe", 11, \(stateVersion), \(build));
    static counter_t mine, disorder;
    \(extra)
    static void input(struct mbuf *m)
    {
      uint64_t *last = (uint64_t *)(uintptr_t)m->m_pkthdr.ph_loc[1];
      if (last != NULL) {
        uint64_t *seen = &last[m->m_pkthdr.flowid];
        if (m->m_pkthdr.ph_loc[0] <= *seen)
          counter_add(disorder, 1);
        *seen = m->m_pkthdr.ph_loc[0];
      }
      counter_add(mine, 1);
      m_freem(m);
    }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      int error;
      if ((error = counter_define("probe.build\(build)", &mine)) != 0 ||
          (error = counter_define("probe.disorder", &disorder)) != 0)
        return (error);
      \(registration)
      nhp->nh_name = "probe";
      nhp->nh_handler = input;
      nhp->nh_proto = 11;
      nhp->nh_policy = NETISR_POLICY_FLOW;
      nhp->nh_dispatch = NETISR_DISPATCH_\(dispatch);
      return (0);
    }
    """
  }

  /// An "ip" that waits for its own lock, for ever, with its n-th packet.
  public static func stuck(atPacket number: Int) -> String {
    """
    #include <CNetISR.h>
    #include <pthread.h>
    NETISR_PLUGIN("ip", NETISR_IP, 1, 666);
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static int count;
    static void input(struct mbuf *m)
    {
      if (__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) == \(number)) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_lock(&mutex);
      }
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
    """
  }
}
