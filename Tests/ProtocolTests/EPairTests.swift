import CNetISR
import NetISR
import PacketIO
import Testing
import TestSupport

/// epair: frames cross over to a pair's other end, on the pair's own CPU.
@Suite struct EPairTests {
  static let frame: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0] + [UInt8](repeating: 5, count: 46)

  /// Sends a frame into one end, as a protocol would.
  @discardableResult
  func send(_ bytes: [UInt8], into end: UnsafeMutablePointer<ifnet>, _ harness: Harness) -> Int32 {
    harness.engine.withAttachedThread {
      guard let m = Harness.makeChain(bytes) else { return ENOBUFS }
      return if_transmit(end, m)
    }
  }

  /// Packets of epair that were queued, by workstream.
  func queued(_ harness: Harness) -> [UInt64] {
    harness.engine.workstreamStatistics().map { stream in
      stream.work.first { $0.proto == UInt32(NETISR_EPAIR) }?.queued ?? 0
    }
  }

  @Test func aFrameComesOutOfTheOtherEnd() throws {
    let harness = try Harness(plugins: ["epair"])
    let pair = try #require(InterfacePair(name: "p0", on: harness.engine))
    #expect(send(Self.frame, into: pair.ends.a, harness) == 0)
    #expect(send(Self.frame + [1], into: pair.ends.b, harness) == 0)
    #expect(harness.delivered(to: NETISR_ETHER).isEmpty)
    harness.drain()
    let delivered = harness.delivered(to: NETISR_ETHER)
    #expect(delivered.map(\.bytes) == [Self.frame, Self.frame + [1]])
    #expect(delivered.map(\.interfaceIndex) == [pair.ends.b.pointee.if_index, pair.ends.a.pointee.if_index])
    #expect(harness.counters("epair") == ["packets": 2])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func whatComesFromNoPairIsDropped() throws {
    let harness = try Harness(plugins: ["epair"])
    harness.input(NETISR_EPAIR, Self.frame)
    harness.engine.withAttachedThread {
      for _ in 0..<2 { netisr_dispatch(UInt32(NETISR_EPAIR), Harness.makeChain(Self.frame)) }
    }
    harness.drain()
    #expect(harness.counters("epair") == ["drops": 3])
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
  }

  @Test func aPairStaysOnOneCPUAndPairsAreSpread() throws {
    let harness = try Harness(plugins: ["epair"], cpus: 4, dispatch: .deferred)
    let pairs = try (0..<4).map { try #require(InterfacePair(name: "p\($0)", on: harness.engine)) }
    var before = queued(harness)
    var cpus: Set<Int> = []
    for pair in pairs {
      for _ in 0..<3 {
        send(Self.frame, into: pair.ends.a, harness)
        send(Self.frame, into: pair.ends.b, harness)
      }
      let after = queued(harness)
      let changed = after.indices.filter { after[$0] != before[$0] }
      #expect(changed.count == 1)
      let smaller = min(pair.ends.a.pointee.if_index, pair.ends.b.pointee.if_index)
      #expect(changed.first == Int(smaller % 4))
      cpus.formUnion(changed)
      before = after
    }
    #expect(cpus.count > 1)
    harness.drain()
    #expect(harness.counters("epair") == ["packets": 24])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test(arguments: [1, 3]) func whatWasHeldUpGoesOnInOrder(cpus: Int) throws {
    let harness = try Harness(plugins: ["epair"], cpus: cpus, dispatch: .deferred)
    var handler = netisr_handler()
    handler.nh_proto = UInt32(NETISR_EPAIR)
    harness.engine.withAttachedThread { #expect(netisr_setqlimit(&handler, 8) == 0) }
    let pairs = try (0..<2).map { try #require(InterfacePair(name: "p\($0)", on: harness.engine, limit: 100)) }
    for number in UInt8(0)..<60 {
      for pair in pairs {
        send(Self.frame + [number], into: pair.ends.a, harness)
        send(Self.frame + [number | 0x80], into: pair.ends.b, harness)
      }
    }
    #expect(pairs.allSatisfy { $0.statistics(of: $0.ends.a).waiting > 0 })
    harness.drain()
    #expect(harness.counter("epair.packets") == 240)
    let waited = pairs.flatMap { [$0.statistics(of: $0.ends.a), $0.statistics(of: $0.ends.b)] }
    #expect(waited.allSatisfy { $0.waiting == 0 && $0.dropped == 0 && $0.sent == 60 })
    #expect(harness.counter("epair.restarted") == waited.reduce(0) { $0 + $1.heldUp })
    #expect(harness.counter("epair.restarted") > 0)
    // Each direction of each pair in its order.
    let delivered = harness.delivered(to: NETISR_ETHER)
    for pair in pairs {
      for (end, bit) in [(pair.ends.b, UInt8(0)), (pair.ends.a, 0x80)] {
        let numbers = delivered.filter { $0.interfaceIndex == end.pointee.if_index }.map { $0.bytes.last! }
        #expect(numbers == (UInt8(0)..<60).map { $0 | bit })
      }
    }
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
  }

  @Test func whatDoesNotFitAnywhereIsTheSendersLoss() throws {
    let harness = try Harness(plugins: ["epair"], dispatch: .deferred)
    var handler = netisr_handler()
    handler.nh_proto = UInt32(NETISR_EPAIR)
    harness.engine.withAttachedThread { #expect(netisr_setqlimit(&handler, 4) == 0) }
    let pair = try #require(InterfacePair(name: "p0", on: harness.engine, limit: 5))
    for _ in 0..<20 { send(Self.frame, into: pair.ends.a, harness) }
    harness.drain()
    let statistics = pair.statistics(of: pair.ends.a)
    #expect(statistics.sent + statistics.dropped == 20 && statistics.dropped > 0)
    #expect(harness.counter("epair.packets") == statistics.sent)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func framesGoOnThroughASwap() throws {
    let harness = try Harness(plugins: ["epair"], dispatch: .deferred)
    let pair = try #require(InterfacePair(name: "p0", on: harness.engine))
    for _ in 0..<10 { send(Self.frame, into: pair.ends.a, harness) }
    try harness.reload("epair")
    for _ in 0..<10 { send(Self.frame, into: pair.ends.a, harness) }
    harness.drain()
    #expect(harness.counters("epair") == ["packets": 20])
    #expect(harness.delivered(to: NETISR_ETHER).count == 20)
  }
}
