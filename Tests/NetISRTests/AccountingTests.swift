import CNetISR
import Foundation
import NetISR
import Synchronization
import Testing
import TestSupport

/// What handling takes, per protocol and workstream.
@Suite struct AccountingTests {
  /// A handler that takes a known time at least.
  private static func busy(_ nanoseconds: UInt64) {
    let end = netisr_time() + nanoseconds
    while netisr_time() < end {}
  }

  private static func send(_ proto: UInt32, _ count: Int, source: UInt = 0, batch: Bool = false) {
    var packets: [UnsafeMutablePointer<mbuf>?] = (0..<count).map { _ in m_gethdr(M_NOWAIT, MT_DATA) }
    if batch {
      _ = netisr_dispatch_batch(proto, source, &packets, UInt32(count))
    } else {
      for m in packets { _ = netisr_dispatch_src(proto, source, m) }
    }
  }

  private static func accounts(_ engine: Engine, _ name: String) -> [AccountStatistics?] {
    engine.workstreamStatistics().map { stream in stream.work.first { $0.name == name }?.account }
  }

  @Test func offThereIsNothing() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1))
    try engine.register(11, named: "test", TestHandler { m_freem($0) })
    engine.withAttachedThread { Self.send(11, 3) }
    #expect(!engine.isAccounting)
    #expect(Self.accounts(engine, "test").allSatisfy { $0 == nil })
  }

  @Test(arguments: [Dispatch.direct, .hybrid, .deferred], [false, true])
  func eachPacketIsCountedOnce(dispatch: Dispatch, batch: Bool) throws {
    let engine = Engine(Engine.Configuration(cpuCount: 2, dispatch: dispatch))
    try engine.register(
      11, named: "test",
      TestHandler { m in
        Self.busy(20_000)
        m_freem(m)
      })
    engine.isAccounting = true
    let begin = netisr_time()
    engine.withAttachedThread(cpu: 1) { Self.send(11, 40, source: 1, batch: batch) }
    usleep(3000)
    while !engine.isDrained { for cpu in 0..<2 { engine.runWorker(cpu) } }
    let elapsed = netisr_time() - begin
    let accounts = Self.accounts(engine, "test")
    #expect(accounts[0]?.packets == 0 && accounts[0]?.delays.isEmpty == true)
    let account = try #require(accounts[1])
    #expect(account.packets == 40)
    // From a queue 32 at a time; at once as they were sent.
    #expect(account.batches == (dispatch == .deferred ? 2 : batch ? 1 : 40))
    // Two clocks, so not to the nanosecond.
    #expect(account.nanoseconds > 40 * 19_000 && account.nanoseconds < elapsed + 100_000)
    #expect(account.longest > 19_000 && account.longest <= account.nanoseconds)
    if dispatch == .deferred {
      #expect(account.delays.values.reduce(0, +) == 40)
      #expect(account.delays.keys.min()! > 2_500_000, "each waited 3 ms at least")
      #expect(account.longestDelay > 3_000_000 + 38 * 19_000 && account.longestDelay < elapsed + 100_000)
    } else {
      #expect(account.delays.isEmpty && account.longestDelay == 0)
    }
  }

  /// A handler that calls another one at once is not charged for it, but its longest call is.
  @Test func nestedHandlersAreAccountedForByThemselves() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1))
    try engine.register(
      11, named: "outer",
      TestHandler { m in
        Self.busy(50_000)
        netisr_dispatch(12, m)
      })
    try engine.register(
      12, named: "inner",
      TestHandler { m in
        Self.busy(2_000_000)
        m_freem(m)
      })
    engine.isAccounting = true
    engine.withAttachedThread { Self.send(11, 5) }
    let outer = try #require(Self.accounts(engine, "outer")[0])
    let inner = try #require(Self.accounts(engine, "inner")[0])
    #expect(outer.packets == 5 && inner.packets == 5)
    #expect(inner.nanoseconds > 5 * 1_990_000)
    #expect(outer.nanoseconds > 5 * 49_000)
    #expect(outer.longest > 2_030_000)
    // The outer one's own time does not have the 10 ms of the inner one; the rest is what the machine took away.
    #expect(outer.nanoseconds + inner.nanoseconds >= outer.longest)
    #expect(outer.nanoseconds < inner.nanoseconds)
  }

  @Test func switchingOnBeginsAnew() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    let handler = TestHandler { m_freem($0) }
    try engine.register(11, named: "test", handler)
    func run(_ count: Int) { engine.withAttachedThread { Self.send(11, count) } }
    engine.isAccounting = true
    run(7)
    engine.runWorker(0)
    #expect(Self.accounts(engine, "test")[0]?.packets == 7)
    engine.isAccounting = true
    #expect(Self.accounts(engine, "test")[0]?.packets == 7, "it was on already")
    // Stamped while on, and handled while off.
    run(3)
    engine.isAccounting = false
    engine.runWorker(0)
    // Queued while off, and handled while on: no delay is known.
    run(4)
    engine.isAccounting = true
    #expect(Self.accounts(engine, "test")[0]?.packets == 0)
    engine.runWorker(0)
    let account = try #require(Self.accounts(engine, "test")[0])
    #expect(account.packets == 4 && account.delays.isEmpty)
    // Another protocol under the number.
    try engine.unregister(11)
    try engine.register(11, named: "other", handler)
    #expect(Self.accounts(engine, "other")[0]?.packets == 0)
    run(2)
    engine.runWorker(0)
    #expect(Self.accounts(engine, "other")[0]?.packets == 2)
    // A swap is no new protocol.
    try engine.withHandler(11, named: "other", policy: .source, dispatch: .default, queueLimit: 0, handler) {
      try engine.replace(with: $0)
    }
    #expect(Self.accounts(engine, "other")[0]?.packets == 2)
  }

  @Test func droppedPacketsAreNotHandled() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    try engine.register(11, named: "test", TestHandler { m_freem($0) })
    engine.isAccounting = true
    engine.withAttachedThread { Self.send(11, 5) }
    try engine.unregisterVnet(11, 0)
    engine.runWorker(0)
    let account = try #require(Self.accounts(engine, "test")[0])
    #expect(account.packets == 0 && account.batches == 0 && account.delays.isEmpty)
  }

  /// Senders, workers, and somebody who looks and switches, all at the same time.
  @Test func manyThreads() throws {
    let packets = CPlugin.sanitizer == nil ? 100_000 : 10_000
    let engine = Engine(Engine.Configuration(cpuCount: 3, dispatch: .deferred))
    try engine.register(11, named: "test", TestHandler { m_freem($0) })
    engine.isAccounting = true
    engine.startWorkers()
    let done = Atomic<Int>(0)
    let threads = (0..<2).map { sender in
      NetISR.Thread(name: "sender") {
        engine.withAttachedThread(cpu: UInt32(sender)) {
          for _ in 0..<packets / 10 {
            while engine.room < 40 { sched_yield() }
            Self.send(11, 10, source: UInt(sender), batch: sender == 0)
          }
        }
        done.wrappingAdd(1, ordering: .releasing)
      }
    }
    var looks = 0
    while done.load(ordering: .acquiring) < 2 {
      let seen = Self.accounts(engine, "test").compactMap { $0 }
      #expect(seen.reduce(0) { $0 + $1.packets } <= UInt64(2 * packets))
      looks += 1
      if looks % 16 == 0 { engine.isAccounting.toggle() }
      try engine.setDispatchPolicy(of: 11, to: [.direct, .hybrid, .deferred][looks % 3])
    }
    for thread in threads { thread.join() }
    while !engine.isDrained { sched_yield() }
    engine.isAccounting = false
    engine.isAccounting = true
    try engine.setDispatchPolicy(of: 11, to: .deferred)
    engine.withAttachedThread { Self.send(11, 100) }
    while !engine.isDrained { sched_yield() }
    engine.stopWorkers()
    let accounts = Self.accounts(engine, "test").compactMap { $0 }
    #expect(accounts.reduce(0) { $0 + $1.packets } == 100)
    #expect(accounts.flatMap(\.delays.values).reduce(0, +) == 100)
    #expect(engine.conservation().isBalanced && looks > 0)
  }
}
