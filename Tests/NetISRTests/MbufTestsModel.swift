import CNetISR
import Glibc
import TestSupport
import Testing

@testable import NetISR

/// Random sequences of all functions of mbuf.h against arrays of bytes. Every chain is compared after each step, so
/// that a write into storage that others share is found.
@Suite struct MbufModelTests {
  struct Packet {
    var chain: Mbuf
    var bytes: [UInt8]
  }

  struct Model {
    var random: SeededGenerator
    var packets: [Packet] = []

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    mutating func bytes(_ count: Int) -> [UInt8] {
      let start = number(0...255)
      return (0..<count).map { UInt8(truncatingIfNeeded: start &+ $0 &* 7) }
    }

    /// Mostly small, at times large.
    mutating func size(_ most: Int) -> Int { number(0...3) > 0 ? number(0...min(most, 300)) : number(0...most) }

    func check(_ step: Int, _ what: Int) {
      for packet in packets {
        let found = contents(packet.chain)
        if found != packet.bytes || Int(packet.chain.pointee.m_pkthdr.len) != packet.bytes.count
          || packet.chain.pointee.m_flags & M_PKTHDR == 0
        {
          Issue.record("step \(step), operation \(what): \(found.count) bytes, model \(packet.bytes.count)")
        }
      }
    }

    mutating func step() -> Int {
      let operation = packets.isEmpty ? 0 : number(0...12)
      let index = packets.isEmpty ? 0 : number(0...(packets.count - 1))
      switch operation {
      case 0:
        let new = bytes(size(6000))
        guard packets.count < 12 else { break }
        if number(0...1) == 0 {
          packets.append(Packet(chain: makePacket(new)!, bytes: new))
        } else {
          let m = m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR))!
          // Room in front.
          m.pointee.m_data += number(0...64)
          packets.append(Packet(chain: m, bytes: []))
          append(new, to: packets.count - 1)
        }
      case 1: append(bytes(size(3000)), to: index)
      case 2:
        let count = number(0...2100)
        let head = m_pullup(packets[index].chain, Int32(count))
        if count <= packets[index].bytes.count && count <= 2048 {
          #expect(head != nil && Int(head!.pointee.m_len) >= count)
          packets[index].chain = head!
        } else {
          #expect(head == nil)
          packets.remove(at: index)
        }
      case 3:
        let count = size(7000)
        m_adj(packets[index].chain, Int32(count))
        packets[index].bytes.removeFirst(min(count, packets[index].bytes.count))
      case 4:
        let count = size(7000)
        m_adj(packets[index].chain, -Int32(count))
        packets[index].bytes.removeLast(min(count, packets[index].bytes.count))
      case 5:
        let new = bytes(number(0...128))
        let head = m_prepend(packets[index].chain, Int32(new.count), M_NOWAIT)!
        memcpy(head.pointee.m_data, new, new.count)
        packets[index] = Packet(chain: head, bytes: new + packets[index].bytes)
      case 6:
        guard packets.count > 1 else { break }
        let other = packets.remove(at: index)
        let target = number(0...(packets.count - 1))
        packets[target].chain.pointee.m_pkthdr.len += other.chain.pointee.m_pkthdr.len
        m_cat(packets[target].chain, other.chain)
        packets[target].bytes += other.bytes
      case 7:
        let count = size(packets[index].bytes.count + 10)
        let tail = m_split(packets[index].chain, Int32(count), M_NOWAIT)
        #expect((tail == nil) == (count > packets[index].bytes.count))
        if let tail {
          packets.append(Packet(chain: tail, bytes: Array(packets[index].bytes[count...])))
          packets[index].bytes = Array(packets[index].bytes[..<count])
        }
      case 8:
        let (off, len) = (size(6000), size(3000))
        var out = [UInt8](repeating: 0xaa, count: len)
        let error = m_copydata(packets[index].chain, Int32(off), Int32(len), &out)
        if off + len <= packets[index].bytes.count {
          #expect(error == 0 && out == Array(packets[index].bytes[off..<(off + len)]))
        } else {
          #expect(error == EINVAL && out.allSatisfy { $0 == 0xaa })
        }
      case 9:
        let off = size(6000)
        let new = bytes(size(3000))
        #expect(m_copyback(packets[index].chain, Int32(off), Int32(new.count), new) == 0)
        if new.isEmpty { break }
        let missing = off + new.count - packets[index].bytes.count
        if missing > 0 { packets[index].bytes += [UInt8](repeating: 0, count: missing) }
        packets[index].bytes.replaceSubrange(off..<(off + new.count), with: new)
      case 10:
        guard packets.count < 12 else { break }
        let isDeep = number(0...1) == 0
        let copy = isDeep ? m_dup(packets[index].chain, M_NOWAIT)! : m_copypacket(packets[index].chain, M_NOWAIT)!
        packets.append(Packet(chain: copy, bytes: packets[index].bytes))
      case 11:
        // What a plugin does: writes through m_data where there is no M_RDONLY.
        var next: Mbuf? = packets[index].chain
        var position = 0
        while let m = next {
          if m.pointee.m_flags & M_RDONLY == 0 && m.pointee.m_len > 0 {
            m.pointee.m_data[0] ^= 0x55
            packets[index].bytes[position] ^= 0x55
          }
          position += Int(m.pointee.m_len)
          next = m.pointee.m_next
        }
      default:
        m_freem(packets.remove(at: index).chain)
      }
      return operation
    }

    mutating func append(_ new: [UInt8], to index: Int) {
      let chars = new.map { CChar(bitPattern: $0) }
      #expect(m_append(packets[index].chain, Int32(new.count), chars) == 1)
      packets[index].bytes += new
    }
  }

  @Test(arguments: 1...8) func randomSequences(seed: Int) {
    let engine = Engine()
    engine.withAttachedThread {
      var model = Model(random: SeededGenerator(seed: UInt64(seed)))
      for step in 0..<1500 {
        let operation = model.step()
        model.check(step, operation)
        if Test.current == nil { break }
      }
      for packet in model.packets { m_freem(packet.chain) }
    }
    expectNoLeak(engine)
  }

  /// The same with memory for little: whatever fails, nothing is lost and nothing crashes.
  @Test(arguments: 1...8) func randomSequencesWithoutMemory(seed: Int) {
    let engine = Engine()
    engine.mbufLimit = 48 << 10
    engine.withAttachedThread {
      var random = SeededGenerator(seed: UInt64(seed))
      var chains: [Mbuf] = []
      let source = [CChar](repeating: 3, count: 5000)
      for _ in 0..<3000 {
        let size = Int32.random(in: 0...3000, using: &random)
        guard let m = chains.popLast() else {
          chains += (0..<6).compactMap { _ in m_gethdr(M_NOWAIT, MT_DATA) }
          continue
        }
        var result: [Mbuf?] = [m]
        switch Int.random(in: 0...8, using: &random) {
        case 0: _ = m_append(m, size, source)
        case 1: result = [m_pullup(m, size)]
        case 2: result = [m_prepend(m, size % 129, M_NOWAIT)]
        case 3: result += [m_split(m, size, M_NOWAIT)]
        case 4: _ = m_copyback(m, size, size, source)
        case 5: result += [m_copypacket(m, M_NOWAIT)]
        case 6: result += [m_dup(m, M_NOWAIT)]
        case 7: m_adj(m, size - 1500)
        default:
          m_freem(m)
          result = []
        }
        for m in result.compactMap({ $0 }) {
          #expect(Int(m.pointee.m_pkthdr.len) == contents(m).count)
          chains.insert(m, at: 0)
        }
      }
      let statistics = engine.mbufStatistics
      #expect(statistics.mbufs.denied + statistics.clusters.denied > 0)
      #expect(statistics.bytes <= 48 << 10)
      for m in chains { m_freem(m) }
    }
    expectNoLeak(engine)
  }
}
