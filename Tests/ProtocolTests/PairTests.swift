import CNetISR
import NetISR
import PacketIO
import Testing
import TestSupport

/// A pair of interfaces through the shipped epair and ether plugins.
@Suite struct PairTests {
  static let frame: [UInt8] =
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06] + [UInt8](repeating: 7, count: 28)

  private func transmit(_ harness: Harness, _ end: UnsafeMutablePointer<ifnet>, number: UInt8) -> Int32 {
    harness.engine.withAttachedThread {
      let m = Harness.makeChain(Self.frame.dropLast() + [number])!
      return if_transmit(end, m)
    }
  }

  @Test func whatGoesInAtOneEndComesOutOfTheOther() throws {
    let harness = try Harness(plugins: ["epair", "ether"], cpus: 2)
    let pair = try #require(InterfacePair(name: "epair0", on: harness.engine))
    #expect(transmit(harness, pair.ends.a, number: 1) == 0)
    #expect(harness.delivered(to: NETISR_ARP).isEmpty, "the queue is the wire")
    harness.drain()
    let delivered = harness.delivered(to: NETISR_ARP)
    #expect(delivered.count == 1 && delivered.first?.bytes.last == 1)
    #expect(delivered.first?.interfaceIndex == pair.ends.b.pointee.if_index)
    #expect(transmit(harness, pair.ends.b, number: 2) == 0)
    harness.drain()
    #expect(harness.delivered(to: NETISR_ARP).last?.interfaceIndex == pair.ends.a.pointee.if_index)
    #expect(harness.counter("epair.packets") == 2)
    #expect(pair.statistics(of: pair.ends.a).sent == 1)
    #expect(harness.engine.conservation().isBalanced)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aFullQueueHoldsFramesUpAndDrainingRestartsThem() throws {
    let harness = try Harness(plugins: ["epair", "ether"], cpus: 2)
    try harness.engine.setQueueLimit(of: UInt32(NETISR_EPAIR), to: 4)
    let pair = try #require(InterfacePair(name: "epair0", on: harness.engine, limit: 6))
    let results = (1...12).map { transmit(harness, pair.ends.a, number: $0) }
    // Four in the queue, six waiting, two too many.
    #expect(results == [Int32](repeating: 0, count: 10) + [ENOBUFS, ENOBUFS])
    var statistics = pair.statistics(of: pair.ends.a)
    #expect(statistics.waiting == 6 && statistics.dropped == 2 && statistics.sent == 4)
    harness.drain()
    statistics = pair.statistics(of: pair.ends.a)
    #expect(statistics.waiting == 0 && statistics.sent == 10)
    #expect(harness.delivered(to: NETISR_ARP).map(\.bytes.last) == (1...10).map { UInt8?($0) }, "in order")
    #expect(harness.counter("epair.restarted") == 6)
    #expect(harness.engine.conservation().isBalanced)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func withoutThePluginFramesAreDroppedAndCounted() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1))
    let pair = try #require(InterfacePair(name: "epair0", on: engine))
    engine.withAttachedThread {
      #expect(if_transmit(pair.ends.a, Harness.makeChain(Self.frame)!) == EPROTONOSUPPORT)
    }
    #expect(pair.statistics(of: pair.ends.a).dropped == 1)
    #expect(engine.conservation().isBalanced && engine.mbufStatistics.mbufs.inFlight == 0)
  }
}
