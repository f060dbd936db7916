import NetISR
import PacketIO
import Synchronization

/// A thread that receives from one queue of a device, or what the kernel says, and hands bursts to the engine. When a
/// plugin takes it away for ever, another goes on at the next frame.
final class ReceiveThread: @unchecked Sendable {
  /// The queue's statistics.
  let meter: InterfaceMeter
  private let stopping: Stop
  private let thread: SourceThread

  private final class Stop: Sendable {
    let requested = Atomic(false)
    let waker = Waker()
  }

  /// Starts receiving. The thread counts as being on CPU `cpu`.
  init(
    _ receiver: LiveReceiver, name: String, engine: Engine, cpu: UInt32, admission: Admission
  ) {
    let stopping = Stop()
    let source = Source(receiver)
    self.stopping = stopping
    meter = receiver.meter
    thread = SourceThread(name: name, on: engine, cpu: cpu) { isSuccessor in
      source.cork.use {
        // The lost one was in the middle of a burst: with its grant, and with what it has held back.
        if isSuccessor {
          source.receiver.resume()
          source.cork.release()
          admission.finish(1)
        }
        Self.run(source, stopping, engine, admission)
      }
    }
  }

  /// Goes over to the new thread, and is no other's from then on, but for its successor's.
  private final class Source: @unchecked Sendable {
    let receiver: LiveReceiver
    let cork = SendCork()
    /// Frames that found no mbuf, as far as the engine was told.
    var denied: UInt64 = 0
    init(_ receiver: LiveReceiver) { self.receiver = receiver }
  }

  /// Ends the thread; every packet that it took is with the engine when this returns.
  func stop() {
    stopping.requested.store(true, ordering: .relaxed)
    stopping.waker.wake()
    thread.join()
  }

  /// Frames between two looks at the queues.
  private static let burst = 64

  /// What comes at once comes in the kernel's ring, which is long, and is to wait there rather than overflow a queue,
  /// which is short. But not for ever: one protocol that does not keep up drops its own packets, and holds up no other.
  private static func awaitRoom(in engine: Engine) {
    guard engine.room < burst else { return }
    let deadline = SteadyClock.now + 1_000_000
    var backoff = Backoff()
    while engine.room < burst, SteadyClock.now < deadline { backoff.pause() }
  }

  private static func run(_ source: Source, _ stopping: Stop, _ engine: Engine, _ admission: Admission) {
    let receiver = source.receiver
    var backoff = Backoff()
    while !stopping.requested.load(ordering: .relaxed) {
      guard admission.enter() else {
        backoff.pause()
        continue
      }
      awaitRoom(in: engine)
      let count = receiver.poll(limit: burst)
      source.cork.release()
      admission.finish(1)
      backoff.reset()
      if count > 0 {
        // Enters into the engine's balance the frames for which there was no mbuf.
        let now = receiver.meter.statistics.noBuffers
        if now != source.denied { engine.countInputFailure(proto: 0, frames: Int(now - source.denied)) }
        source.denied = now
        continue
      }
      let ready = Readiness.wait([.reading(receiver.descriptor), .reading(stopping.waker.descriptor)])
      // A device that is down is always ready to say so.
      if ready[0].hasFailed { _ = Readiness.wait([.reading(stopping.waker.descriptor)], milliseconds: 20) }
    }
  }
}
