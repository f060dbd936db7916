import CNetISR
import Glibc
import Testing

@testable import NetISR

/// Runs `body` on threads of its own, and waits for them.
func runThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Start: Sendable {
    let index: Int
    let body: @Sendable (Int) -> Void
    init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) { (self.index, self.body) = (index, body) }
  }
  var threads = [pthread_t](repeating: 0, count: count)
  for index in 0..<count {
    let start = Unmanaged.passRetained(Start(index, body)).toOpaque()
    let error = pthread_create(
      &threads[index], nil,
      { raw in
        let start = Unmanaged<Start>.fromOpaque(raw!).takeRetainedValue()
        start.body(start.index)
        return nil
      }, start)
    precondition(error == 0)
  }
  for thread in threads { pthread_join(thread, nil) }
}

typealias Mbuf = UnsafeMutablePointer<mbuf>

/// A packet with these bytes.
func makePacket(_ bytes: [UInt8]) -> Mbuf? {
  guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { return nil }
  let ok = bytes.withUnsafeBytes { m_append(m, Int32($0.count), $0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
  guard ok == 1 else {
    m_freem(m)
    return nil
  }
  return m
}

/// All bytes of a chain.
func contents(_ m: Mbuf) -> [UInt8] {
  var bytes: [UInt8] = []
  var next: Mbuf? = m
  while let part = next {
    bytes += UnsafeRawBufferPointer(start: part.pointee.m_data, count: Int(part.pointee.m_len))
    next = part.pointee.m_next
  }
  return bytes
}

/// The lengths of the mbufs of a chain.
func lengths(_ m: Mbuf) -> [Int] {
  var result: [Int] = []
  var next: Mbuf? = m
  while let part = next {
    result.append(Int(part.pointee.m_len))
    next = part.pointee.m_next
  }
  return result
}

func pattern(_ count: Int, from: Int = 0) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 + from) } }

/// Expects that nothing is held, and that every object is accounted for.
func expectNoLeak(_ engine: Engine, _ location: SourceLocation = #_sourceLocation) {
  let statistics = engine.mbufStatistics
  #expect(statistics.mbufs.inFlight == 0, sourceLocation: location)
  #expect(statistics.clusters.inFlight == 0, sourceLocation: location)
  #expect(statistics.mbufs.isBalanced && statistics.clusters.isBalanced, sourceLocation: location)
}

@Suite struct MbufTests {
  let engine = Engine()

  @Test func allocation() {
    engine.withAttachedThread {
      let plain = m_get(M_NOWAIT, MT_DATA)!
      #expect(plain.pointee.m_flags == 0 && plain.pointee.m_len == 0 && plain.pointee.m_next == nil)
      #expect(plain.pointee.m_type == UInt16(MT_DATA))
      #expect(plain.trailingSpace == Int(MLEN))
      // A header is all zero also when the mbuf was used before.
      memset(&plain.pointee.m_pkthdr, 0xff, MemoryLayout<pkthdr>.size)
      m_freem(plain)
      let packet = m_gethdr(M_NOWAIT, MT_DATA)!
      #expect(packet == plain)
      #expect(packet.pointee.m_flags == M_PKTHDR)
      let isZero = withUnsafeBytes(of: packet.pointee.m_pkthdr) { $0.allSatisfy { $0 == 0 } }
      #expect(isZero)
      let cluster = m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR))!
      #expect(cluster.pointee.m_flags == M_PKTHDR | M_EXT)
      #expect(cluster.pointee.m_ext.ext_size == UInt32(MCLBYTES))
      #expect(Int(bitPattern: cluster.pointee.m_data) % 2048 == 0)
      #expect(Int(bitPattern: cluster) % 256 == 0)
      let statistics = engine.mbufStatistics
      #expect(statistics.mbufs.inFlight == 2 && statistics.clusters.inFlight == 1)
      #expect(statistics.mbufs.isBalanced && statistics.clusters.isBalanced)
      packet.pointee.m_next = cluster
      #expect(m_free(packet) == cluster)
      #expect(m_free(cluster) == nil)
      #expect(m_free(nil) == nil)
      m_freem(nil)
    }
    expectNoLeak(engine)
  }

  @Test func pullup() {
    engine.withAttachedThread {
      // What is contiguous already stays.
      var m = makePacket(pattern(100))!
      #expect(m_pullup(m, 100) == m)
      #expect(m_pullup(m, 0) == m)
      // Across mbufs, into the room behind the first.
      let n = makePacket(pattern(90, from: 100))!
      m.pointee.m_next = n
      n.pointee.m_flags &= ~M_PKTHDR
      m.pointee.m_pkthdr.len = 190
      #expect(m_pullup(m, 128) == m)
      #expect(lengths(m) == [128, 62] && contents(m) == pattern(190))
      // More than the room: a cluster, and the header moves.
      m.pointee.m_pkthdr.flowid = 77
      m.pointee.m_flags |= M_VLANTAG
      m = m_pullup(m, 190)!
      #expect(lengths(m) == [190] && contents(m) == pattern(190))
      #expect(m.pointee.m_pkthdr.flowid == 77 && m.pointee.m_pkthdr.len == 190)
      #expect(m.pointee.m_flags & (M_PKTHDR | M_VLANTAG) == M_PKTHDR | M_VLANTAG)
      // A shared cluster is not written: the copy keeps its bytes.
      m_append(m, 300, Array(repeating: 1, count: 300))
      var copy = m_copypacket(m, M_NOWAIT)!
      let tail = m_split(copy, 150, M_NOWAIT)!
      let extra = makePacket(pattern(60))!
      m_freem(tail)
      m_cat(copy, extra)
      copy.pointee.m_pkthdr.len = 210
      copy = m_pullup(copy, 200)!
      #expect(contents(copy) == pattern(150) + pattern(60))
      #expect(contents(m) == pattern(190) + Array(repeating: 1, count: 300))
      m_freem(copy)
      // The packet is shorter, longer than a cluster, negative: freed.
      #expect(m_pullup(m, 491) == nil)
      #expect(m_pullup(makePacket(pattern(3000))!, 2049) == nil)
      #expect(m_pullup(makePacket(pattern(3000))!, -1) == nil)
      #expect(m_pullup(nil, 1) == nil)
      let most = m_pullup(makePacket(pattern(3000))!, 2048)!
      #expect(lengths(most).first == 2048 && contents(most) == pattern(3000))
      m_freem(most)
    }
    expectNoLeak(engine)
  }

  @Test func trimming() {
    engine.withAttachedThread {
      let m = makePacket(pattern(5000))!
      m_adj(m, 10)
      #expect(contents(m) == Array(pattern(5000)[10...]) && m.pointee.m_pkthdr.len == 4990)
      m_adj(m, -90)
      #expect(contents(m) == Array(pattern(5000)[10..<4910]) && m.pointee.m_pkthdr.len == 4900)
      m_adj(m, -4800)
      #expect(contents(m) == Array(pattern(5000)[10..<110]) && m.pointee.m_pkthdr.len == 100)
      m_adj(m, Int32.max)
      #expect(contents(m) == [] && m.pointee.m_pkthdr.len == 0)
      m_adj(m, Int32.min)
      m_adj(nil, 1)
      m_freem(m)
    }
    expectNoLeak(engine)
  }

  @Test func prepending() {
    engine.withAttachedThread {
      var m = makePacket(pattern(50))!
      m.pointee.m_pkthdr.rsstype = 3
      m = m_prepend(m, 14, M_NOWAIT)!
      #expect(lengths(m) == [14, 50] && m.pointee.m_pkthdr.len == 64 && m.pointee.m_pkthdr.rsstype == 3)
      #expect(m.pointee.m_next!.pointee.m_flags & M_PKTHDR == 0)
      // The next header finds room in front.
      let before = m
      m = m_prepend(m, 40, M_NOWAIT)!
      #expect(m == before && lengths(m) == [54, 50] && m.pointee.m_pkthdr.len == 104)
      m = m_prepend(m, Int32(MLEN), M_NOWAIT)!
      #expect(lengths(m) == [128, 54, 50])
      #expect(m_prepend(m, Int32(MLEN) + 1, M_NOWAIT) == nil)
      #expect(m_prepend(makePacket([1])!, -1, M_NOWAIT) == nil)
      #expect(m_prepend(nil, 1, M_NOWAIT) == nil)
    }
    expectNoLeak(engine)
  }

  @Test func splitting() {
    engine.withAttachedThread {
      let m = makePacket(pattern(4000))!
      m.pointee.m_pkthdr.flowid = 5
      m.pointee.m_pkthdr.rcv_tstmp = 9
      #expect(m_split(m, -1, M_NOWAIT) == nil)
      #expect(m_split(m, 4001, M_NOWAIT) == nil)
      #expect(contents(m) == pattern(4000))
      let tail = m_split(m, 1000, M_NOWAIT)!
      #expect(contents(m) == Array(pattern(4000)[..<1000]) && m.pointee.m_pkthdr.len == 1000)
      #expect(contents(tail) == Array(pattern(4000)[1000...]) && tail.pointee.m_pkthdr.len == 3000)
      #expect(tail.pointee.m_pkthdr.flowid == 5 && tail.pointee.m_pkthdr.rcv_tstmp == 9)
      // Shared from the cut on: both are marked, and nothing is written into the shared cluster.
      #expect(m.end.last.pointee.m_flags & M_RDONLY != 0 && tail.pointee.m_flags & M_RDONLY != 0)
      #expect(m_append(m, 5, [9, 9, 9, 9, 9]) == 1)
      #expect(contents(tail) == Array(pattern(4000)[1000...]))
      let empty = m_split(tail, 3000, M_NOWAIT)!
      #expect(contents(empty) == [] && empty.pointee.m_pkthdr.len == 0)
      m_freem(empty)
      m_freem(m)
      // Alone again: writable in place, and the mark goes.
      let data = tail.pointee.m_data
      #expect(m_copyback(tail, 0, 1, [42] as [UInt8]) == 0)
      #expect(tail.pointee.m_data == data && tail.pointee.m_flags & M_RDONLY == 0)
      m_freem(tail)
      // Without packet header: the rest of the chain itself.
      let head = m_get(M_NOWAIT, MT_DATA)!
      #expect(m_append(head, 300, Array(repeating: 7, count: 300)) == 1)
      #expect(m_split(head, 300, M_NOWAIT) == nil)
      let rest = m_split(head, 128, M_NOWAIT)!
      #expect(rest.pointee.m_flags & M_PKTHDR == 0 && contents(rest).count == 172)
      m_freem(rest)
      m_freem(head)
      #expect(m_split(nil, 0, M_NOWAIT) == nil)
    }
    expectNoLeak(engine)
  }

  @Test func copying() {
    engine.withAttachedThread {
      let m = makePacket(pattern(3000))!
      var out = [UInt8](repeating: 0, count: 3000)
      #expect(m_copydata(m, 0, 3000, &out) == 0 && out == pattern(3000))
      #expect(m_copydata(m, 100, 200, &out) == 0 && Array(out[..<200]) == Array(pattern(3000)[100..<300]))
      out = [1, 2]
      for (off, len) in [(0, 3001), (3000, 1), (-1, 1), (0, -1), (Int32.max, Int32.max), (1, Int32.max)]
        as [(Int32, Int32)]
      {
        #expect(m_copydata(m, off, len, &out) == EINVAL && out == [1, 2])
      }
      #expect(m_copydata(m, 3000, 0, nil) == 0)
      #expect(m_copydata(nil, 0, 0, nil) == EINVAL)

      // m_copyback overwrites, extends, and fills a gap with zeros.
      #expect(m_copyback(m, 2990, 20, pattern(20)) == 0)
      #expect(contents(m) == Array(pattern(3000)[..<2990]) + pattern(20) && m.pointee.m_pkthdr.len == 3010)
      #expect(m_copyback(m, 8000, 3, pattern(3, from: 1)) == 0)
      let gap = [UInt8](repeating: 0, count: 8000 - 3010)
      #expect(contents(m) == Array(pattern(3000)[..<2990]) + pattern(20) + gap + [1, 2, 3])
      #expect(m.pointee.m_pkthdr.len == 8003)
      #expect(m_copyback(m, -1, 1, [0]) == EINVAL && m_copyback(m, 0, -1, [0]) == EINVAL)
      #expect(m_copyback(m, Int32.max, Int32.max, [0]) == ENOBUFS)
      #expect(m_copyback(nil, 0, 1, [0]) == EINVAL)
      #expect(m_append(m, -1, [0]) == 0 && m_append(m, Int32.max, [0]) == 0 && m_append(nil, 1, [0]) == 0)

      // Copies.
      m.pointee.m_flags |= M_BCAST | M_PROTO1
      m.pointee.m_pkthdr.ph_loc.1 = 11
      let shared = m_copypacket(m, M_NOWAIT)!
      let deep = m_dup(m, M_NOWAIT)!
      for copy in [shared, deep] {
        #expect(contents(copy) == contents(m) && copy.pointee.m_pkthdr.len == 8003)
        #expect(copy.pointee.m_flags & (M_BCAST | M_PROTO1) == M_BCAST | M_PROTO1)
        #expect(copy.pointee.m_pkthdr.ph_loc.1 == 11)
      }
      let before = contents(m)
      #expect(m_copyback(shared, 0, 8003, [UInt8](repeating: 6, count: 8003)) == 0)
      #expect(m_copyback(deep, 0, 8003, [UInt8](repeating: 5, count: 8003)) == 0)
      #expect(contents(m) == before)
      #expect(contents(shared).allSatisfy { $0 == 6 } && contents(deep).allSatisfy { $0 == 5 })
      m_freem(shared)
      m_freem(deep)
      var last: Mbuf?
      #expect(m_length(m, &last) == 8003 && last?.pointee.m_next == nil)
      #expect(m_length(nil, &last) == 0 && last == nil)
      m_freem(m)
      #expect(m_copypacket(nil, 0) == nil && m_dup(nil, 0) == nil)
      let none = m_dup(makePacket([])!, M_NOWAIT)!
      #expect(none.pointee.m_flags == M_PKTHDR && none.pointee.m_len == 0)
      m_freem(none)
    }
    // The argument of the last m_dup was not freed.
    #expect(engine.mbufStatistics.mbufs.inFlight == 1)
  }

  @Test func exhaustion() {
    engine.mbufLimit = 1 << 20
    engine.withAttachedThread {
      var held: [Mbuf] = []
      while let m = m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) { held.append(m) }
      let full = engine.mbufStatistics
      // All that the mbufs' slab leaves.
      #expect(held.count == ((1 << 20) - MbufZone.slabSize) / 2048)
      #expect(full.bytes <= full.limit && full.limit == 1 << 20)
      #expect(full.clusters.denied == 1 && full.mbufs.denied == 0)
      #expect(full.mbufs.inFlight == held.count && full.clusters.inFlight == held.count)
      var small: [Mbuf] = []
      while let m = m_get(M_NOWAIT, MT_DATA) { small.append(m) }
      #expect(engine.mbufStatistics.mbufs.denied == 1)
      #expect(engine.mbufStatistics.bytes == 1 << 20)
      // Nothing that needs memory succeeds, nothing crashes, and what could not be done has changed nothing.
      let m = held[0]
      #expect(m_append(m, 2000, [CChar](repeating: 1, count: 2000)) == 1)
      #expect(m_append(m, 100, [CChar](repeating: 1, count: 100)) == 0)
      #expect(contents(m).count == 2000 && m.pointee.m_pkthdr.len == 2000)
      #expect(m_copyback(m, 1990, 100, [UInt8](repeating: 2, count: 100)) == ENOBUFS)
      #expect(contents(m).allSatisfy { $0 == 1 } && m.pointee.m_pkthdr.len == 2000)
      #expect(m_dup(m, M_NOWAIT) == nil && m_copypacket(m, M_NOWAIT) == nil && m_split(m, 10, M_NOWAIT) == nil)
      #expect(contents(m).count == 2000)
      #expect(m_prepend(m, 20, M_NOWAIT) == nil)  // frees it
      for m in held[1...] { m_freem(m) }
      for m in small { m_freem(m) }
      #expect(engine.mbufStatistics.mbufs.denied >= 4)
      // It recovers, and a higher limit counts at once.
      let again = m_getcl(M_NOWAIT, MT_DATA, 0)
      #expect(again != nil)
      m_freem(again)
      engine.mbufLimit = 2 << 20
      held = (0..<500).compactMap { _ in m_getcl(M_NOWAIT, MT_DATA, 0) }
      #expect(held.count == 500)
      for m in held { m_freem(m) }
    }
    expectNoLeak(engine)
    engine.mbufLimit = 0
    #expect(engine.mbufStatistics.limit == 0)
  }

  @Test func smallFloodsLeaveRoomForClusters() {
    engine.mbufLimit = 1 << 20
    engine.withAttachedThread {
      var held: [Mbuf] = []
      while let m = m_get(M_NOWAIT, MT_DATA) { held.append(m) }
      m_freem(held.removeLast())
      let m = m_getcl(M_NOWAIT, MT_DATA, 0)
      #expect(m != nil)
      m_freem(m)
      for m in held { m_freem(m) }
    }
    expectNoLeak(engine)
  }

  /// In a process of its own, where no other test has made a default engine.
  @Test func aThreadWithoutEngineGetsNothing() async {
    await #expect(processExitsWith: .success) {
      precondition(m_get(M_NOWAIT, MT_DATA) == nil && m_gethdr(M_NOWAIT, MT_DATA) == nil)
      precondition(m_getcl(M_NOWAIT, MT_DATA, 0) == nil)
      m_freem(nil)
    }
  }

  /// As long as it is free, that is told, and not done.
  @Test func freeingTwiceIsTold() {
    let engine = Engine()
    nonisolated(unsafe) var told: [String] = []
    engine.onMisuse = { fault, holder, _ in told.append("\(fault.summary), \(holder == nil ? "nobody" : "a plugin")") }
    engine.withAttachedThread {
      let m = m_get(M_NOWAIT, MT_DATA)!
      let place = String(UInt(bitPattern: m), radix: 16)
      m_freem(m)
      m_freem(m)
      #expect(told == ["double free of the mbuf at 0x\(place), nobody"])
      let next = (0..<100).map { _ in m_get(M_NOWAIT, MT_DATA)! }
      #expect(Set(next.map { UInt(bitPattern: $0) }).count == 100)
      for m in next { m_freem(m) }
    }
    expectNoLeak(engine)
  }
}
