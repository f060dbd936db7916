import CPacketIO
import Glibc
import NetISR

/// The one thread of a host that keeps the rights to open devices: CAP_NET_RAW and CAP_NET_ADMIN, as far as the process
/// has them. It runs no code of a plugin, and touches no packet. All others have no capabilities at all.
///
/// [any thread], one at a time.
public final class PrivilegedThread: @unchecked Sendable {
  private let turn = Lock()
  private let slot = Slot()
  private let thread: Thread

  // Safe: the semaphores have one address from init to deinit; what is between is guarded by them: the asking thread
  // writes `job` before it posts `asked`, and reads nothing before `done`.
  @safe
  private final class Slot: @unchecked Sendable {
    let asked: UnsafeMutablePointer<sem_t>
    let done: UnsafeMutablePointer<sem_t>
    var job: (() -> Void)?

    init() {
      unsafe asked = .allocate(capacity: 1)
      unsafe done = .allocate(capacity: 1)
      unsafe sem_init(asked, 0, 0)
      unsafe sem_init(done, 0, 0)
    }

    deinit {
      unsafe asked.deallocate()
      unsafe done.deallocate()
    }
  }

  /// Starts the thread with the rights that the calling one has; it drops what it does not need at once.
  public init() {
    let slot = slot
    thread = Thread(name: "netisr/rights") {
      _ = packetio_drop_capabilities(true)
      while true {
        while unsafe sem_wait(slot.asked) != 0 {}
        guard let job = slot.job else { return }
        job()
        unsafe sem_post(slot.done)
      }
    }
  }

  deinit {
    slot.job = nil
    unsafe sem_post(slot.asked)
    thread.join()
  }

  /// Runs `body` on the thread with the rights, and waits for it.
  func perform<Value, Failure: Error>(_ body: @escaping () throws(Failure) -> Value) throws(Failure) -> Value {
    var result: Result<Value, Failure>?
    turn.withLock {
      slot.job = {
        do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
      }
      unsafe sem_post(slot.asked)
      while unsafe sem_wait(slot.done) != 0 {}
      slot.job = nil
    }
    return try result!.get()
  }

  /// Gives up every capability of the calling thread and of those that it starts, for good.
  public static func dropRights() throws(ControlError) {
    let error = packetio_drop_capabilities(false)
    guard error == 0 else {
      throw ControlError(.failed, unsafe "capabilities can't be dropped: \(String(cString: strerror(-error)))")
    }
  }
}

extension PrivilegedThread? {
  /// Runs `body` on the thread with the rights; on the calling one where nothing was given up.
  func perform<Value, Failure: Error>(_ body: @escaping () throws(Failure) -> Value) throws(Failure) -> Value {
    switch self {
    case let thread?: try thread.perform(body)
    case nil: try body()
    }
  }
}
