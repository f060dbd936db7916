import Glibc

/// A thread that brings packets to an engine, and has a successor when it is lost in a call of a plugin's code that never returns.
///
/// Its state must be such that another thread can go on with it from any place where plugins' code runs: see `Engine.takeOver`.
public final class SourceThread: @unchecked Sendable {
  private let lock = Lock()
  // Under the lock: the newest last.
  private var threads: [Thread] = []

  /// Starts the thread, which counts as being on CPU `cpu`.
  ///
  /// - Parameters:
  ///   - name: shows in ps(1), cut to 15 bytes, and in what is told of a loss.
  ///   - body: runs on the thread, as one of the engine's, and again on each successor.
  public init(
    name: String, on engine: Engine, cpu: UInt32, _ body: @escaping @Sendable (_ isSuccessor: Bool) -> Void
  ) {
    lock.withLock { begin(name, engine, cpu, body, isSuccessor: false) }
  }

  /// Waits until it has ended, and all successors too.
  public func join() {
    var over = 0
    while let next = lock.withLock({ over < threads.count ? threads[over] : nil }) {
      next.join()
      over += 1
    }
  }

  /// With the lock.
  private func begin(
    _ name: String, _ engine: Engine, _ cpu: UInt32, _ body: @escaping @Sendable (Bool) -> Void, isSuccessor: Bool
  ) {
    threads.append(
      Thread(name: "netisr/\(name)") { [self] in
        let successor = ThreadSuccessor(name: name) {
          self.lock.withLock { self.begin(name, engine, cpu, body, isSuccessor: true) }
        }
        engine.withAttachedThread(cpu: cpu, successor: successor) { body(isSuccessor) }
      })
  }
}

/// Who goes on in the place of a thread that is lost.
public struct ThreadSuccessor: Sendable {
  /// What it does, in a few words of the operator's.
  let name: String
  /// Starts it. By the watchdog, when it has taken everything from the lost thread.
  let begin: @Sendable () -> Void
}
