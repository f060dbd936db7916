import Foundation
import Synchronization

/// What a swapped plugin's handler notes, in memory of this program, which outlives every generation.
///
/// The handler looks at the clock for each packet. The time since the packet before, whichever generation handled that,
/// is a gap; the longest one is kept for each window. A window is as long as whoever changes `window` says. A workstream's
/// packets are handled by one thread at a time, so that the handler needs no locked instruction.
@safe
final class Probe: @unchecked Sendable {  // words are atomics, and stay where they are
  static let windows = 4096

  /// Word 0: the window; 1: when the last packet was handled, in ns; 2: packets; from 3: the longest gaps.
  let words: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    unsafe words = .allocate(capacity: 3 + Self.windows)
    for index in 0..<(3 + Self.windows) { unsafe (words + index).initialize(to: Atomic(0)) }
  }

  deinit { unsafe words.deallocate() }

  var packets: UInt64 { unsafe words[2].load(ordering: .acquiring) }

  /// Begins a window, and returns when so many packets were handled in it.
  func begin(_ window: Int, packets: UInt64) {
    precondition(window < Self.windows, "\(window) windows: expected less than \(Self.windows)")
    unsafe words[0].store(UInt64(window), ordering: .sequentiallyConsistent)
    wait(packets: packets)
  }

  /// Returns when so many more packets were handled: a gap ends with the packet behind it.
  func wait(packets: UInt64) {
    let end = self.packets + packets
    while self.packets < end { usleep(20) }
  }

  /// The longest gap in a window, in ns; the window is as new afterwards.
  func takeGap(_ window: Int) -> Double { Double(unsafe words[3 + window].exchange(0, ordering: .relaxed)) }

  /// Compiles the plugin to a shared object; builds differ by their number.
  func compile(build: Int, to path: String) throws {
    let address = unsafe UInt(bitPattern: words)
    let source = """
      #include <CNetISR.h>
      #include <time.h>
      NETISR_PLUGIN("swapped", 11, 1, \(build));
      static uint64_t *const words = (uint64_t *)\(address)ul;
      static void input(struct mbuf *m)
      {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        uint64_t *gap = &words[3 + __atomic_load_n(&words[0], __ATOMIC_RELAXED)];
        if (words[1] != 0 && ns - words[1] > *gap)
          __atomic_store_n(gap, ns - words[1], __ATOMIC_RELAXED);
        words[1] = ns;
        m_freem(m);
        __atomic_store_n(&words[2], words[2] + 1, __ATOMIC_RELEASE);
      }
      int netisr_plugin_register(struct netisr_handler *nhp)
      {
        nhp->nh_name = "swapped";
        nhp->nh_handler = input;
        nhp->nh_proto = 11;
        nhp->nh_policy = NETISR_POLICY_FLOW;
        return (0);
      }
      """
    try source.write(toFile: path + ".c", atomically: true, encoding: .utf8)
    let headers = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../Sources/CNetISR/include").standardizedFileURL.path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "clang", "-std=gnu11", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-fuse-ld=lld", "-Wl,--build-id=sha1",
      "-I", headers, "-o", path, path + ".c",
    ]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
  }
}
