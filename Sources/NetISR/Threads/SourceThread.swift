import Glibc

/// A thread that brings packets to an engine, and has a successor when it is lost in a call of a plugin's code that
/// never returns.
///
/// Its state must be such that another thread can go on with it from any place where plugins' code runs: see
/// `Engine.takeOver`.
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
    lock.withLock { begin(name, engine, cpu, body, inPlaceOfLost: nil) }
  }

  /// Starts a thread that queues what a lost one left behind, and ends.
  init(name: String, on engine: Engine, cpu: UInt32, queueing left: PacketsLeftBehind) {
    lock.withLock { begin(name, engine, cpu, { _ in }, inPlaceOfLost: left) }
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
  ///
  /// - Parameter left: what the lost thread in whose place it goes on left behind; nil: it is the first.
  private func begin(
    _ name: String, _ engine: Engine, _ cpu: UInt32, _ body: @escaping @Sendable (Bool) -> Void,
    inPlaceOfLost left: PacketsLeftBehind?
  ) {
    threads.append(
      Thread(name: "netisr/\(name)") { [self] in
        let successor = ThreadSuccessor(name: name) { left in
          self.lock.withLock { self.begin(name, engine, cpu, body, inPlaceOfLost: left) }
        }
        engine.withAttachedThread(cpu: cpu, successor: successor) {
          left?.queue()
          body(left != nil)
        }
      })
  }
}

/// Who goes on in the place of a thread that is lost.
public struct ThreadSuccessor: Sendable {
  /// What it does, in a few words of the operator's.
  let name: String
  /// Starts it; it queues what the lost thread left behind before all else. By the watchdog, when it has taken
  /// everything from that.
  let begin: @Sendable (_ left: PacketsLeftBehind) -> Void
}
