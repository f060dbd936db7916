import CNetISR
import Glibc
import TestSupport
import Testing

@testable import NetISR

@Suite struct TableThreadTests {
  /// Counters in entries, added to by many threads: no update is lost, and no reader sees half a value.
  @Test func updatesAreAtomic() {
    let engine = Engine()
    engine.withAttachedThread {
      let t = Spec(valueSize: 64, max: 32).make(in: engine)
      nonisolated(unsafe) let shared = t
      runThreads(4) { index in
        engine.withAttachedThread {
          var random = SeededGenerator(seed: UInt64(index))
          var value = [UInt64](repeating: 0, count: 8)
          for _ in 0..<10_000 {
            var key = UInt64.random(in: 0..<32, using: &random)
            if index == 3 {
              if table_lookup(shared, 0, &key, &value) == 0 { #expect(value.allSatisfy { $0 == value[0] }) }
            } else {
              let error = table_update(
                shared, 0, &key,
                { _, _, value, _ in
                  for word in 0..<8 { value!.assumingMemoryBound(to: UInt64.self)[word] += 1 }
                  return TABLE_KEEP
                }, nil)
              #expect(error == 0)
            }
          }
        }
      }
      let sum = engine.tableEntries(of: "arp.neighbours", vnet: 0)!.reduce(0) { sum, entry in
        sum + entry.value.withUnsafeBytes { $0.load(as: UInt64.self) }
      }
      #expect(sum == 30_000)
    }
  }

  /// The bound holds under contention, and evictions make room for as many as they remove.
  @Test func boundUnderContention() {
    let engine = Engine()
    engine.withAttachedThread {
      let t = Spec(name: "ip.fragments", valueSize: 16, max: 100, flags: TABLE_HOLDS_MBUFS).make(in: engine)
      nonisolated(unsafe) let shared = t
      runThreads(4) { index in
        engine.withAttachedThread {
          for round in 0..<3000 as Range<UInt64> {
            var key = UInt64(index) << 32 | round
            while true {
              let error = table_update(
                shared, 0, &key,
                { _, _, value, _ in
                  let held = value!.assumingMemoryBound(to: table_held.self)
                  held.pointee = table_held(th_chain: m_gethdr(M_NOWAIT, MT_DATA), th_bytes: 256, th_packets: 1)
                  return TABLE_KEEP
                }, nil)
              if error == 0 { break }
              #expect(error == ENOSPC)
              _ = table_evict(shared, 0, nil, nil)
            }
            #expect(table_count(shared, 0) <= 100)
          }
        }
      }
      let count = UInt64(table_count(t, 0))
      #expect(count <= 100 && count > 0)
      #expect(table_held_bytes(t, 0) == count * 256)
      #expect(engine.mbufStatistics.mbufs.inFlight == Int(count))
      engine.removeTableEntries(vnet: 0)
      #expect(table_held_bytes(t, 0) == 0 && table_count(t, 0) == 0)
    }
    expectNoLeak(engine)
  }

  /// Readers match while a writer adds and removes: they find the default route or the better one, whole.
  @Test func matchWhileWriting() {
    let engine = Engine()
    engine.withAttachedThread {
      let t = Spec(name: "route.v4", kind: UInt32(TABLE_LPM), valueSize: 32).make(in: engine)
      nonisolated(unsafe) let shared = t
      func key(_ address: UInt32, _ length: UInt32) -> [UInt32] { [length, address.bigEndian] }
      #expect(table_insert(t, 0, key(0, 0), [UInt64](repeating: 0, count: 4)) == 0)
      runThreads(3) { index in
        engine.withAttachedThread {
          for round in 0..<3000 as Range<UInt32> {
            let length = 8 + round % 25
            if index == 0 {
              let value = [UInt64](repeating: UInt64(length), count: 4)
              #expect(table_insert(shared, 0, [length, UInt32(0x0a0a_0a0a).bigEndian], value) == 0)
              if round % 3 == 0 {
                _ = table_remove(shared, 0, [8 + round * 7 % 25, UInt32(0x0a0a_0a0a).bigEndian], nil)
              }
            } else {
              var value = [UInt64](repeating: 99, count: 4)
              var found: UInt32 = 0
              #expect(table_match(shared, 0, [UInt32(0x0a0a_0a0a).bigEndian], &value, &found) == 0)
              #expect(value.allSatisfy { $0 == UInt64(found) })
            }
          }
        }
      }
    }
  }
}
