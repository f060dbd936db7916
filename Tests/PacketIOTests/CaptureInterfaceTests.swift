import CNetISR
import Testing

@testable import PacketIO

@Suite struct CaptureInterfaceTests {
  /// Polls to the end; at most `limit` frames.
  func run(_ spec: CaptureSpec, limit: Int = 10_000) throws -> (sink: KeepingSink, statistics: InterfaceStatistics) {
    try withInterface { ifp in
      let sink = KeepingSink()
      let interface = CaptureInterface(
        spec, reader: try CaptureReader(path: spec.path), interface: ifp, sink: sink)
      var polls = 0
      while polls * 7 < limit, try interface.poll(now: 0, limit: 7) != .ended { polls += 1 }
      return (sink, interface.meter.statistics)
    }
  }

  @Test func packetsAreWhole() throws {
    let small = [UInt8](repeating: 0xff, count: 6) + [UInt8](0..<54)
    let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    var file = CaptureFile(linkType: 1)
    file.frame(small, seconds: 3, fraction: 4, wireLength: 99)
    file.frame(large, seconds: 4)
    file.frame([], seconds: 5)
    try withFile(file.bytes) { path in
      let (sink, statistics) = try run(CaptureSpec(path: path))
      #expect(sink.packets.count == 3)
      let first = sink.packets[0]
      #expect(first.bytes == small && first.length == 60 && first.wireLength == 99)
      #expect(first.timestamp == 3_000_004_000 && first.interfaceIndex == 7 && first.proto == 5)
      #expect(first.flags & M_BCAST != 0 && first.flags & UInt32(M_PKTHDR) != 0)
      #expect(sink.packets[1].bytes == large && sink.packets[1].mbufs > 90)
      #expect(sink.packets[1].length == 200_000 && sink.packets[1].wireLength == 200_000)
      #expect(sink.packets[2].bytes == [] && sink.packets[2].mbufs == 1)
      #expect(statistics.frames == 3 && statistics.bytes == 200_060)
      #expect(statistics.entered(proto: 5) == 3 && statistics.entered == 3)
    }
  }

  @Test func synthesisedBytesComeFirst() throws {
    var file = CaptureFile(linkType: 100)
    file.frame([0xaa, 0xaa, 3])
    try withFile(file.bytes) { path in
      let packet = try run(CaptureSpec(path: path)).sink.packets[0]
      #expect(packet.bytes == [UInt8(ATM_FORM_SDU), 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xaa, 3])
      #expect(packet.length == 11 && packet.wireLength == 11)
    }
  }

  @Test func everyFrameIsCounted() throws {
    var file = CaptureFile(linkType: 0)
    file.frame([2, 0, 0, 0, 0x45])
    file.frame([2, 0])
    file.frame([7, 0, 0, 0])
    file.frame([7, 0, 0, 0])
    for family: UInt8 in 40...140 { file.frame([family, 0, 0, 0]) }
    try withFile(file.bytes) { path in
      let statistics = try run(CaptureSpec(path: path)).statistics
      #expect(statistics.frames == 105 && statistics.entered(proto: 1) == 1 && statistics.tooShort == 1)
      #expect(statistics.unsupported[.addressFamily(7)] == 2)
      #expect(statistics.unsupported.values.reduce(0, +) == 103)
      #expect(statistics.unsupported.count == InterfaceStatistics.reasonLimit + 1)
      #expect(statistics.unsupported[.others] == 38)
      #expect(statistics.entered(proto: 99) == 0)
    }
  }

  @Test func damageComesAfterThePackets() throws {
    var file = CaptureFile(linkType: 1)
    file.frame([1, 2, 3])
    file.frame([4, 5, 6])
    try withFile(Array(file.bytes.dropLast())) { path in
      try withInterface { ifp in
        let sink = KeepingSink()
        let interface = CaptureInterface(
          CaptureSpec(path: path, passes: nil), reader: try CaptureReader(path: path), interface: ifp, sink: sink)
        #expect(throws: CaptureError.self) { try interface.poll(now: 0, limit: 100) }
        #expect(sink.packets.map(\.bytes) == [[1, 2, 3]])
        #expect(interface.meter.statistics.frames == 1)
        #expect(try interface.poll(now: 0, limit: 100) == .ended)
      }
    }
  }

  @Test func loopsMoveTimeForward() throws {
    var file = CaptureFile(linkType: 1)
    for (seconds, fraction) in [(10, 0), (12, 500_000), (11, 0)] as [(UInt32, UInt32)] {
      file.frame([0], seconds: seconds, fraction: fraction)
    }
    try withFile(file.bytes) { path in
      let (sink, statistics) = try run(CaptureSpec(path: path, passes: 3))
      let pass: UInt64 = 2_500_000_000 + 1_000_000
      let first: [UInt64] = [10_000_000_000, 12_500_000_000, 11_000_000_000]
      #expect(sink.packets.map(\.timestamp) == first + first.map { $0 + pass } + first.map { $0 + 2 * pass })
      #expect(statistics.passes == 3 && statistics.frames == 9)
      #expect(try run(CaptureSpec(path: path, passes: nil), limit: 700).statistics.frames >= 693)
    }
  }

  @Test func anEmptyCaptureEndsEveryLoop() throws {
    try withFile(CaptureFile(linkType: 1).bytes) { path in
      let statistics = try run(CaptureSpec(path: path, passes: nil)).statistics
      #expect(statistics.passes == 1)
    }
  }

  @Test func pace() throws {
    var file = CaptureFile(linkType: 1)
    for _ in 0..<4 { file.frame([0]) }
    try withFile(file.bytes) { path in
      try withInterface { ifp in
        let sink = KeepingSink()
        let interface = CaptureInterface(
          CaptureSpec(path: path, packetsPerSecond: 1000), reader: try CaptureReader(path: path), interface: ifp,
          sink: sink)
        #expect(try interface.poll(now: 50, limit: 9) == .wait(nanoseconds: 1_000_000))
        #expect(sink.packets.count == 1)
        #expect(try interface.poll(now: 500_050, limit: 9) == .wait(nanoseconds: 500_000))
        #expect(try interface.poll(now: 2_000_050, limit: 9) == .wait(nanoseconds: 1_000_000))
        #expect(sink.packets.count == 3)
        #expect(try interface.poll(now: 9_000_000, limit: 9) == .ended)
        #expect(sink.packets.count == 4)
      }
    }
  }

  @Test func rewindBeginsAgain() throws {
    var file = CaptureFile(linkType: 1)
    file.frame([1], seconds: 1)
    file.frame([2], seconds: 2)
    try withFile(file.bytes) { path in
      try withInterface { ifp in
        let sink = KeepingSink()
        let interface = CaptureInterface(
          CaptureSpec(path: path), reader: try CaptureReader(path: path), interface: ifp, sink: sink)
        #expect(try interface.poll(now: 0, limit: 10) == .ended)
        try interface.rewind()
        #expect(interface.fileProgress.size == file.bytes.count)
        #expect(try interface.poll(now: 0, limit: 10) == .ended)
        #expect(sink.packets.map(\.bytes) == [[1], [2], [1], [2]])
        #expect(sink.packets[2].timestamp == 2_001_000_000)
      }
    }
  }

  /// Packets of one protocol in a row come together, of 64 that are read at once, never behind one that came later, and
  /// at the latest at the end of a poll.
  @Test func runsKeepOrder() throws {
    var file = CaptureFile(linkType: 101)
    let protocols: [UInt32] = [1, 1, 6, 1] + [UInt32](repeating: 6, count: 150) + [1]
    for (index, proto) in protocols.enumerated() { file.frame([proto == 6 ? 0x60 : 0x45, UInt8(index)]) }
    try withFile(file.bytes) { path in
      try withInterface { ifp in
        let sink = KeepingSink()
        let interface = CaptureInterface(
          CaptureSpec(path: path), reader: try CaptureReader(path: path), interface: ifp, sink: sink)
        #expect(try interface.poll(now: 0, limit: 104) == .more)
        #expect(sink.runs == [2, 1, 1, 60, 40])
        #expect(try interface.poll(now: 0, limit: 100) == .ended)
        #expect(sink.runs == [2, 1, 1, 60, 40, 50, 1])
        #expect(sink.packets.map(\.proto) == protocols)
        #expect(sink.packets.map { $0.bytes[1] } == protocols.indices.map { UInt8($0) })
      }
    }
  }

  /// Each way of storing a packet, and its edges: inside of the mbuf, in one cluster, in a chain; with a prefix, too.
  @Test(arguments: [(1, 0), (100, 8)] as [(UInt32, Int)]) func sizes(linkType: UInt32, prefix: Int) throws {
    var file = CaptureFile(linkType: linkType)
    let sizes = [0, 1, Int(MLEN) - 1, Int(MLEN), Int(MLEN) + 1, 2047, 2048, 2049, 2048 * 2 + 1]
    for size in sizes { file.frame((0..<max(size - prefix, 0)).map { UInt8(truncatingIfNeeded: $0 &* 3) }) }
    try withFile(file.bytes) { path in
      let packets = try run(CaptureSpec(path: path)).sink.packets
      for (packet, size) in zip(packets, sizes) {
        let body = (0..<max(size - prefix, 0)).map { UInt8(truncatingIfNeeded: $0 &* 3) }
        #expect(Array(packet.bytes.dropFirst(prefix)) == body && packet.bytes.count == prefix + body.count)
        #expect(packet.length == Int32(packet.bytes.count) && packet.wireLength == UInt32(packet.bytes.count))
        #expect(packet.mbufs == (packet.bytes.count <= 2048 ? 1 : (packet.bytes.count + 2047) / 2048))
      }
      #expect(packets.count == sizes.count)
    }
  }

  @Test func traits() {
    #expect(InterfaceTraits(.linuxSLL2).type == UInt32(IFT_ETHER))
    #expect(InterfaceTraits(.erf).type == UInt32(IFT_ATM))
    #expect(LinkType.allCases.allSatisfy { InterfaceTraits($0).flags == IFNET_UP | IFNET_MONITOR })
  }
}
