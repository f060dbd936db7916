import CNetISR
import Foundation
import NetISR
import Synchronization
import Testing
import TestSupport

/// Callouts of engines with worker threads.
@Suite struct CalloutThreadTests {
  /// Counts calls; as a callout's argument.
  final class Tally: Sendable {
    let calls = Atomic<Int>(0)
    let last = Atomic<UInt64>(0)
    /// The clock of the calling thread's processor time.
    let clock = Atomic<Int>(0)
    /// Whether two threads were inside at once.
    let isInside = Atomic(false)
    let overlaps = Atomic<Int>(0)
    /// Nanoseconds after which the callout arms itself again; 0 is never.
    let period = Atomic<UInt64>(0)
    nonisolated(unsafe) let c = UnsafeMutablePointer<callout>.allocate(capacity: 1)

    init() { callout_init(c, 0) }

    deinit { c.deallocate() }

    @discardableResult
    func reset(_ ns: UInt64, on cpu: UInt32? = nil) -> Int32 {
      let argument = Unmanaged.passUnretained(self).toOpaque()
      guard let cpu else { return callout_reset(c, ns, count, argument) }
      return callout_reset_on(c, ns, count, argument, cpu)
    }
  }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<3000 {
      if condition() { return true }
      usleep(10_000)
    }
    return condition()
  }

  private func withWorkers<T>(cpus: Int = 2, _ body: (Engine) throws -> T) rethrows -> T {
    let engine = Engine(Engine.Configuration(cpuCount: cpus))
    engine.startWorkers()
    defer { engine.stopWorkers() }
    return try body(engine)
  }

  @Test func aSleepingWorkerWakesForThem() {
    withWorkers { engine in
      let tally = Tally()
      // Long enough for the worker to sleep.
      usleep(20_000)
      let armed = Self.now
      engine.withAttachedThread { _ = tally.reset(30_000_000) }
      #expect(eventually { tally.calls.load(ordering: .acquiring) == 1 })
      #expect(tally.last.load(ordering: .relaxed) - armed >= 30_000_000, "never early")
      // An earlier one than that for which it sleeps.
      let (late, soon) = (Tally(), Tally())
      engine.withAttachedThread {
        late.reset(3_600_000_000_000)
        usleep(20_000)
        soon.reset(1_000_000)
      }
      #expect(eventually { soon.calls.load(ordering: .acquiring) == 1 })
      engine.withAttachedThread { #expect(callout_stop(late.c) == 1) }
    }
  }

  @Test func aWorkerThatWaitsForOneBurnsNothing() {
    withWorkers(cpus: 1) { engine in
      let (soon, late) = (Tally(), Tally())
      engine.withAttachedThread { _ = soon.reset(0) }
      #expect(eventually { soon.calls.load(ordering: .acquiring) == 1 })
      // The processor time of the thread that has called it.
      let clock = clockid_t(soon.clock.load(ordering: .relaxed))
      func used() -> UInt64 {
        var time = timespec()
        #expect(clock_gettime(clock, &time) == 0)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
      }
      engine.withAttachedThread { _ = late.reset(300_000_000) }
      usleep(20_000)
      let before = used()
      usleep(200_000)
      #expect(used() - before < 20_000_000)
      #expect(eventually { late.calls.load(ordering: .acquiring) == 1 })
    }
  }

  @Test func stopDrainAndResetFromManyThreads() {
    withWorkers(cpus: 2) { engine in
      let tallies = (0..<4).map { _ in Tally() }
      let rounds = CPlugin.sanitizer == nil ? 3000 : 400
      let threads = (0..<3).map { number in
        NetISR.Thread(name: "armer") {
          engine.withAttachedThread(cpu: UInt32(number % 2)) {
            for round in 0..<rounds {
              let tally = tallies[(number + round) % tallies.count]
              switch round % 4 {
              case 0, 1: tally.reset(UInt64(round % 3) * 10_000, on: UInt32(round % 2))
              case 2: callout_stop(tally.c)
              default: callout_drain(tally.c)
              }
            }
          }
        }
      }
      for thread in threads { thread.join() }
      engine.withAttachedThread {
        for tally in tallies { callout_drain(tally.c) }
        for tally in tallies { #expect(callout_pending(tally.c) == 0) }
      }
      // Whatever was exchanged by whom: nothing is left that would still be called.
      let calls = tallies.map { $0.calls.load(ordering: .relaxed) }
      usleep(20_000)
      #expect(tallies.map { $0.calls.load(ordering: .relaxed) } == calls)
      // And each can still be armed.
      engine.withAttachedThread { for tally in tallies { tally.reset(0) } }
      #expect(eventually { zip(tallies, calls).allSatisfy { $0.calls.load(ordering: .acquiring) == $1 + 1 } })
    }
  }

  @Test func theyGoOnWhileTheWorkersChange() throws {
    try withWorkers(cpus: 4) { engine in
      let tallies = (0..<4).map { _ in Tally() }
      engine.withAttachedThread {
        for (cpu, tally) in tallies.enumerated() {
          tally.period.store(50_000, ordering: .relaxed)
          tally.reset(0, on: UInt32(cpu))
        }
      }
      for count in [1, 3, 2, 4, 1, 4, 2] {
        try engine.setWorkerCount(count)
        let before = tallies.map { $0.calls.load(ordering: .relaxed) }
        #expect(
          eventually { zip(tallies, before).allSatisfy { $0.calls.load(ordering: .relaxed) > $1 + 2 } },
          "with \(count) workers")
      }
      for tally in tallies { tally.period.store(0, ordering: .relaxed) }
      #expect(eventually { engine.withAttachedThread { tallies.allSatisfy { callout_pending($0.c) == 0 } } })
      engine.withAttachedThread { for tally in tallies { callout_drain(tally.c) } }
      #expect(tallies.allSatisfy { $0.overlaps.load(ordering: .relaxed) == 0 }, "never beside itself")
    }
  }

  @Test func theyRunWhilePacketsKeepTheWorkerBusy() throws {
    try withWorkers(cpus: 1) { engine in
      try engine.register(11, named: "test", dispatch: .deferred, TestHandler { m in m_freem(m) })
      let tally = Tally()
      tally.period.store(1_000_000, ordering: .relaxed)
      engine.withAttachedThread {
        tally.reset(0)
        // Of a busy machine's time this may get little.
        let end = Self.now + 20_000_000_000
        while tally.calls.load(ordering: .relaxed) < 3, Self.now < end {
          guard engine.room > 32 else { continue }
          for _ in 0..<32 { if let m = m_gethdr(M_NOWAIT, MT_DATA) { netisr_queue(11, m) } }
        }
        let calls = tally.calls.load(ordering: .acquiring)
        #expect(calls >= 3, "\(calls) calls")
        tally.period.store(0, ordering: .relaxed)
        callout_drain(tally.c)
        while callout_pending(tally.c) == 1 { callout_drain(tally.c) }
      }
      #expect(engine.conservation().isBalanced)
    }
  }

  /// Callouts and handlers of one workstream never run at once.
  @Test func theyAreSerialWithTheirWorkstreamsHandlers() throws {
    try withWorkers(cpus: 1) { engine in
      let tally = Tally()
      try engine.register(
        11, named: "test", dispatch: .deferred,
        TestHandler { m in
          tally.enter()
          tally.leave()
          m_freem(m)
        })
      tally.period.store(1, ordering: .relaxed)
      engine.withAttachedThread {
        tally.reset(0)
        for _ in 0..<5_000 {
          while engine.room < 8 { sched_yield() }
          if let m = m_gethdr(M_NOWAIT, MT_DATA) { netisr_queue(11, m) }
        }
        tally.period.store(0, ordering: .relaxed)
      }
      #expect(eventually { engine.isDrained && engine.withAttachedThread { callout_pending(tally.c) == 0 } })
      #expect(tally.overlaps.load(ordering: .relaxed) == 0)
      #expect(tally.calls.load(ordering: .relaxed) > 0)
    }
  }
}

extension CalloutThreadTests.Tally {
  func enter() { if isInside.exchange(true, ordering: .acquiring) { overlaps.wrappingAdd(1, ordering: .relaxed) } }
  func leave() { isInside.store(false, ordering: .releasing) }
}

private func count(_ argument: UnsafeMutableRawPointer?) {
  let tally = Unmanaged<CalloutThreadTests.Tally>.fromOpaque(argument!).takeUnretainedValue()
  tally.enter()
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  tally.last.store(UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec), ordering: .relaxed)
  var clock = clockid_t()
  pthread_getcpuclockid(pthread_self(), &clock)
  tally.clock.store(Int(clock), ordering: .relaxed)
  tally.calls.wrappingAdd(1, ordering: .releasing)
  let period = tally.period.load(ordering: .relaxed)
  if period > 0 { tally.reset(period) }
  tally.leave()
}
