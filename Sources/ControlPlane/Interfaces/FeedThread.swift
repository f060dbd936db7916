import Logging
import NetISR
import Synchronization

/// A thread that feeds one capture to the engine until it ends or is stopped: a steady source. When a plugin takes it
/// away for ever, another goes on at the next frame.
final class FeedThread: @unchecked Sendable {
  private let stopping: Stop
  private let thread: SourceThread

  private final class Stop: Sendable {
    let requested = Atomic(false)
  }

  /// Starts feeding. The thread counts as being on CPU `cpu`.
  init(_ feed: CaptureFeed, engine: Engine, cpu: UInt32, admission: Admission, logger: Logger) {
    let stopping = Stop()
    self.stopping = stopping
    thread = SourceThread(name: feed.name, on: engine, cpu: cpu) { isSuccessor in
      if isSuccessor { feed.resume(admission: admission) }
      Self.run(feed, stopping, admission, logger)
    }
  }

  /// Ends the thread; every packet that it has read is with the engine when this returns.
  func stop() {
    stopping.requested.store(true, ordering: .relaxed)
    thread.join()
  }

  private static func run(_ feed: CaptureFeed, _ stopping: Stop, _ admission: Admission, _ logger: Logger) {
    var backoff = Backoff()
    while !stopping.requested.load(ordering: .relaxed) {
      do throws(ControlError) {
        switch try feed.step(now: SteadyClock.now, admission: admission) {
        case .sent: backoff.reset()
        case .noRoom: backoff.pause()
        case .wait(let nanoseconds): SteadyClock.pause(nanoseconds: nanoseconds)
        case .ended:
          logger.info("\(feed.name): the capture has ended")
          return
        }
      } catch {
        logger.error("\(feed.name): \(error)")
        return
      }
    }
  }
}
