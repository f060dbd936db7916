import CNetISRHost
import Glibc
import Synchronization

/// Waiting until no thread can be inside plugin code that was taken out of service.
///
/// What: a thread that is about to run plugin code writes the global epoch into its own record, and 0 when it has
/// left. Who retires code first makes it unreachable (one store into the registry), then calls `wait`: it advances the
/// epoch and waits for every record that is neither 0 nor at least the new epoch.
///
/// Why: the reader pays one plain store on each side, no locked instruction and no shared cache line. Its store of the
/// epoch and its following load of the registration record could be seen the wrong way round by another CPU; the
/// writer makes up for that with membarrier(2), which puts a full barrier into every running thread between the two.
/// Either the thread's epoch is then visible to the writer, or the thread will see the new registration.
///
/// Rejected: a reader-writer lock and reference counts (a shared cache line per packet, 4 to 48 ns), and a fence in the
/// reader (5 to 10 ns). A thread that is lost (`Engine.takeOver`) is not waited for. The cost is on the writer: tens of
/// microseconds for the barrier, and as long as the longest handler that was running.
@safe
final class GracePeriod: @unchecked Sendable {
  private let table: DispatchTable
  private let threads: ThreadRegistry

  init(table: DispatchTable, threads: ThreadRegistry) {
    self.table = table
    self.threads = threads
  }

  /// The calling thread is about to run plugin code.
  @inline(__always)
  func enter(_ context: UnsafeMutablePointer<ThreadContext>) { unsafe context.enterSection() }

  /// Leaves what `enter` entered.
  @inline(__always)
  func leave(_ context: UnsafeMutablePointer<ThreadContext>) { unsafe context.leaveSection() }

  /// Returns when every thread that was inside plugin code at the call has left it at least once. [control]
  ///
  /// The calling thread itself must not be inside plugin code. `report` is called with the number of threads still
  /// waited for, first after 10 ms, then each 100 ms.
  func wait(report: (Int) -> Void = { _ in }) {
    if let own = unsafe netisr_host_get_self()?.assumingMemoryBound(to: ThreadContext.self) {
      unsafe precondition(own.pointee.depth == 0, "netisr: a handler can't wait for itself to end")
    }
    let target = table.advanceEpoch()
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    netisr_host_barrier_everywhere()
    var rounds = 0
    while true {
      var inside = 0
      unsafe threads.forEach { record in
        let epoch = unsafe record.pointee.epoch.load(ordering: .acquiring)
        // Acquire: pairs with the release in `Engine.takeOver`.
        if epoch != 0 && epoch < target, unsafe !record.pointee.isLost.load(ordering: .acquiring) { inside += 1 }
      }
      if inside == 0 { return }
      rounds += 1
      if rounds < 200 {
        sched_yield()
      } else {
        // 100 us: a handler that takes longer than 200 yields is not about to end.
        usleep(100)
        if (rounds - 200) % 1000 == 100 { report(inside) }
      }
    }
  }
}

extension UnsafeMutablePointer where Pointee == ThreadContext {
  /// The calling thread, with this record, is about to run plugin code: from here on nothing that it finds is freed.
  @inline(__always)
  func enterSection() {
    let depth = unsafe pointee.depth
    unsafe pointee.depth = depth &+ 1
    if depth == 0 {
      // Pairs with the membarrier in `GracePeriod.wait`: see the head of this file.
      unsafe pointee.epoch.store(pointee.table.epoch, ordering: .relaxed)
      netisr_host_compiler_barrier()
    }
  }

  /// Leaves what `enterSection` entered.
  @inline(__always)
  func leaveSection() {
    let depth = unsafe pointee.depth &- 1
    unsafe pointee.depth = depth
    if depth == 0 {
      // Release: pairs with the acquire in `GracePeriod.wait`; all that the handler read happened before it.
      unsafe pointee.epoch.store(0, ordering: .releasing)
    }
  }
}

/// Makes every running thread of the process execute a full barrier: membarrier(2).
func netisr_host_barrier_everywhere() {
  let error = netisr_host_membarrier()
  precondition(error == 0, "membarrier(2): errno \(error); the kernel must be Linux 4.14 or newer")
}
