import CNetISR
import Glibc
import TestSupport
import Testing

@testable import NetISR

/// A spec, and what it takes to open it.
struct Spec {
  var name = "arp.neighbours"
  var kind = UInt32(TABLE_HASH)
  var keySize: UInt32 = 8
  var valueSize: UInt32 = 8
  var max: UInt32 = 1000
  var flags: UInt32 = 0
  var spare: UInt32 = 0

  func call(_ body: (UnsafePointer<table_spec>) -> Int32) -> Int32 {
    name.withCString { name in
      var spec = table_spec(
        ts_name: name, ts_kind: kind, ts_keysize: keySize, ts_valuesize: valueSize, ts_maxentries: max, ts_flags: flags,
        ts_spare: spare, ts_format: nil)
      return body(&spec)
    }
  }

  /// table_open by whoever is registering.
  func open(_ t: inout OpaquePointer?) -> Int32 { call { table_open($0, &t) } }
  func find(_ t: inout OpaquePointer?) -> Int32 { call { table_find($0, &t) } }

  /// Opened and committed.
  func make(in engine: Engine, version: UInt32 = 1) -> OpaquePointer {
    var t: OpaquePointer?
    let identity = PluginIdentity(name: String(name.prefix { $0 != "." }), stateVersion: version)
    let error = engine.withRegistration(of: identity) { open(&t) }
    precondition(error == 0, "table_open: \(error)")
    engine.releaseState(engine.commitRegistration(identity).retired)
    return t!
  }
}

/// For values with expectations inside, which `#expect` can't have.
func expectSame<T: Equatable>(_ expected: T, _ found: T, _ location: SourceLocation = #_sourceLocation) {
  #expect(found == expected, sourceLocation: location)
}

/// Integer keys and values.
struct Table {
  let t: OpaquePointer
  var vnet: UInt32 = 0

  func lookup(_ key: UInt64) -> UInt64? {
    var value: UInt64 = 0
    var key = key
    return table_lookup(t, vnet, &key, &value) == 0 ? value : nil
  }
  func insert(_ key: UInt64, _ value: UInt64) -> Int32 {
    var (key, value) = (key, value)
    return table_insert(t, vnet, &key, &value)
  }
  func remove(_ key: UInt64) -> UInt64? {
    var value: UInt64 = 0
    var key = key
    return table_remove(t, vnet, &key, &value) == 0 ? value : nil
  }
  /// Runs a Swift closure as the callback, on a key, a value and whether it was found.
  func update(_ key: UInt64, _ body: @escaping (UInt64, UnsafeMutableRawPointer, Bool) -> Int32) -> Int32 {
    var key = key
    return withCallback(body) { table_update(t, vnet, &key, $0, $1) }
  }
  func sweep(_ body: @escaping (UInt64, UnsafeMutableRawPointer, Bool) -> Int32) -> UInt32 {
    withCallback(body) { table_sweep(t, vnet, $0, $1) }
  }
  func evict(_ body: @escaping (UInt64, UnsafeMutableRawPointer, Bool) -> Int32) -> Int32 {
    withCallback(body) { table_evict(t, vnet, $0, $1) }
  }
  var count: Int { Int(table_count(t, vnet)) }

  private final class Box {
    let body: (UInt64, UnsafeMutableRawPointer, Bool) -> Int32
    init(_ body: @escaping (UInt64, UnsafeMutableRawPointer, Bool) -> Int32) { self.body = body }
  }
  private func withCallback<T>(
    _ body: @escaping (UInt64, UnsafeMutableRawPointer, Bool) -> Int32,
    _ call: (TableCallback, UnsafeMutableRawPointer) -> T
  ) -> T {
    let box = Box(body)
    return withExtendedLifetime(box) {
      call(
        { argument, key, value, found in
          #expect(UInt(bitPattern: value) % 16 == 0)
          let box = Unmanaged<Box>.fromOpaque(argument!).takeUnretainedValue()
          return box.body(key!.loadUnaligned(as: UInt64.self), value!, found != 0)
        }, Unmanaged.passUnretained(box).toOpaque())
    }
  }
}

@Suite struct TableTests {
  let engine = Engine()

  @Test func sipHash() {
    // The vector of the paper's appendix A, for 2 and 4 rounds.
    let hash = SipHash(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
    let input = (0..<15).map { UInt8($0) }
    #expect(hash.hash(input, count: 15, compression: 2, finalization: 4) == 0xa129_ca61_49be_45e5)
    #expect(hash.hash(input, count: 15) != hash.hash(input, count: 14))
  }

  @Test func specs() {
    engine.withAttachedThread {
      var t: OpaquePointer?
      // Only from a registration.
      #expect(Spec().open(&t) == EINVAL && t == nil)
      let identity = PluginIdentity(name: "arp", stateVersion: 1)
      engine.withRegistration(of: identity) {
        for bad in [
          Spec(name: "ip.neighbours"), Spec(name: "arp"), Spec(name: "arp.x.y"), Spec(name: "arp.A"),
          Spec(name: "arp." + String(repeating: "a", count: 60)), Spec(kind: 0), Spec(kind: 3), Spec(keySize: 0),
          Spec(keySize: 65), Spec(valueSize: 0), Spec(valueSize: 1025), Spec(max: 0), Spec(max: (1 << 22) + 1),
          Spec(flags: 2), Spec(spare: 1), Spec(valueSize: 15, flags: TABLE_HOLDS_MBUFS),
          Spec(kind: UInt32(TABLE_LPM), keySize: 9),
          Spec(kind: UInt32(TABLE_LPM), keySize: 8, valueSize: 16, flags: TABLE_HOLDS_MBUFS),
        ] {
          #expect(bad.open(&t) == EINVAL && t == nil)
        }
        #expect(table_open(nil, &t) == EINVAL && Spec().call { table_open($0, nil) } == EINVAL)
        #expect(Spec().open(&t) == 0 && t != nil)
        // The same again is the same; another shape is not.
        var again: OpaquePointer?
        #expect(Spec().open(&again) == 0 && again == t)
        #expect(Spec(valueSize: 9).open(&again) == EEXIST && again == nil)
        // Other vnets than there can be; other arguments than there should be.
        let table = Table(t: t!, vnet: 256)
        #expect(table.insert(1, 1) == EINVAL && table.lookup(1) == nil && table.count == 0)
        #expect(Table(t: t!, vnet: 255).insert(1, 1) == 0)
        #expect(table_insert(t, 0, nil, nil) == EINVAL && table_lookup(nil, 0, [1], &again) == EINVAL)
        #expect(table_match(t, 0, [1], &again, nil) == EINVAL)
        #expect(table_sweep(t, 0, nil, nil) == 0 && table_update(t, 0, [1], nil, nil) == EINVAL)
      }
      engine.abortRegistration(identity)
    }
  }

  @Test func callbacks() {
    engine.withAttachedThread {
      let table = Table(t: Spec().make(in: engine))
      expectSame(
        0,
        table.update(1) { key, value, found in
          #expect(key == 1 && !found && value.load(as: UInt64.self) == 0)
          value.storeBytes(of: 10, as: UInt64.self)
          return TABLE_KEEP
        })
      #expect(table.lookup(1) == 10 && table.count == 1)
      expectSame(
        0,
        table.update(1) { _, value, found in
          #expect(found)
          value.storeBytes(of: value.load(as: UInt64.self) + 1, as: UInt64.self)
          // No way back in.
          #expect(table.lookup(1) == nil && table.insert(5, 5) == EDEADLK && table.count == 0)
          return TABLE_KEEP
        })
      #expect(table.lookup(1) == 11)
      #expect(table.update(2) { _, _, _ in TABLE_REMOVE } == 0)
      #expect(table.count == 1 && table.lookup(2) == nil)
      #expect(table.update(1) { _, _, _ in TABLE_REMOVE } == 0)
      #expect(table.count == 0)
      for key in 0..<100 as Range<UInt64> { #expect(table.insert(key, key) == 0) }
      expectSame(
        34,
        table.sweep { key, value, found in
          #expect(found && value.load(as: UInt64.self) == key)
          return key % 3 == 0 ? TABLE_REMOVE : TABLE_KEEP
        })
      #expect(table.count == 66 && table.lookup(3) == nil && table.lookup(4) == 4)
    }
  }

  @Test func evictionIsByAge() {
    engine.withAttachedThread {
      let table = Table(t: Spec(max: 64).make(in: engine))
      var random = SeededGenerator(seed: 3)
      var order: [UInt64] = []
      for round in 0..<5000 as Range<UInt64> {
        switch Int.random(in: 0...5, using: &random) {
        case 0 where !order.isEmpty:
          let expected = order.removeFirst()
          var evicted: UInt64?
          expectSame(
            0,
            table.evict { key, _, found in
              evicted = key
              #expect(found)
              return TABLE_KEEP
            })
          #expect(evicted == expected)
        case 1 where !order.isEmpty:
          let key = order.remove(at: Int.random(in: 0..<order.count, using: &random))
          #expect(table.remove(key) != nil)
        case 2 where !order.isEmpty:
          // A new value makes an entry no younger.
          #expect(table.insert(order.randomElement(using: &random)!, round) == 0)
        default:
          if order.count == 64 {
            #expect(table.insert(round, 1) == ENOSPC)
            #expect(table.update(round) { _, _, _ in TABLE_KEEP } == ENOSPC)
          } else {
            #expect(table.insert(round, 1) == 0)
            order.append(round)
          }
        }
        #expect(table.count == order.count)
      }
      while table_evict(table.t, 0, nil, nil) == 0 { order.removeFirst() }
      #expect(order.isEmpty)
      #expect(table_evict(table.t, 0, nil, nil) == ENOENT && table_evict(table.t, 9, nil, nil) == ENOENT)
    }
  }

  /// Random operations with keys and values of many sizes against dictionaries, one for each vnet.
  @Test(arguments: [1, 2, 3, 7, 8, 16, 20, 33, 64]) func model(keySize: Int) {
    engine.withAttachedThread {
      let valueSize = keySize * 3 + 1
      let spec = Spec(keySize: UInt32(keySize), valueSize: UInt32(valueSize), max: 200)
      let t = spec.make(in: engine)
      var random = SeededGenerator(seed: UInt64(keySize))
      var models: [UInt32: [[UInt8]: [UInt8]]] = [0: [:], 7: [:], 255: [:]]
      for _ in 0..<8000 {
        let vnet = [0, 7, 255].randomElement(using: &random)! as UInt32
        var key = [UInt8](repeating: 0, count: keySize)
        // Few keys, which differ at either end.
        key[0] = .random(in: 0...15, using: &random)
        key[keySize - 1] ^= UInt8.random(in: 0...15, using: &random) << 4
        var value = (0..<valueSize).map { _ in UInt8.random(in: 0...255, using: &random) }
        let known = models[vnet]![key]
        switch Int.random(in: 0...3, using: &random) {
        case 0:
          let error = table_insert(t, vnet, key, value)
          if known == nil && models[vnet]!.count == 200 {
            #expect(error == ENOSPC)
          } else {
            #expect(error == 0)
            models[vnet]![key] = value
          }
        case 1:
          #expect(table_remove(t, vnet, key, &value) == (known == nil ? ENOENT : 0))
          if let known { #expect(value == known) }
          models[vnet]![key] = nil
        default:
          #expect(table_lookup(t, vnet, key, &value) == (known == nil ? ENOENT : 0))
          if let known { #expect(value == known) }
        }
        #expect(Int(table_count(t, vnet)) == models[vnet]!.count)
      }
      for (vnet, model) in models {
        let entries = engine.tableEntries(of: "arp.neighbours", vnet: vnet)!
        #expect(Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) }) == model)
      }
      let listed = engine.tableList()
      #expect(listed.count == 1 && listed[0].vnets.map(\.vnet) == [0, 7, 255] && listed[0].maxEntries == 200)
      #expect(listed[0].vnets.map(\.entries) == [0, 7, 255].map { models[$0]!.count })
      engine.removeTableEntries(vnet: 7)
      #expect(table_count(t, 7) == 0 && table_count(t, 0) == models[0]!.count)
    }
  }

  @Test func growth() {
    engine.withAttachedThread {
      let table = Table(t: Spec(max: 100_000).make(in: engine))
      for key in 0..<100_000 as Range<UInt64> { if table.insert(key &* 0x1_0001, key) != 0 { Issue.record("\(key)") } }
      #expect(table.count == 100_000 && table.insert(1 << 60, 0) == ENOSPC)
      for key in 0..<100_000 as Range<UInt64> where table.lookup(key &* 0x1_0001) != key { Issue.record("\(key)") }
      #expect(table.sweep { _, _, _ in TABLE_REMOVE } == 100_000)
      #expect(table.count == 0)
    }
  }

  @Test func heldPackets() {
    engine.withAttachedThread {
      let t = Spec(name: "ip.fragments", keySize: 8, valueSize: 32, max: 100, flags: TABLE_HOLDS_MBUFS).make(in: engine)
      let table = Table(t: t)
      // A packet of two mbufs, and two more packets behind: one linked to the first mbuf, one to the second.
      func chain() -> Mbuf {
        let parts = (0..<5).map { _ in m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR))! }
        parts[0].pointee.m_next = parts[1]
        parts[0].pointee.m_nextpkt = parts[2]
        parts[1].pointee.m_nextpkt = parts[3]
        parts[3].pointee.m_nextpkt = parts[4]
        return parts[0]
      }
      func fill(_ key: UInt64, bytes: UInt32) {
        expectSame(
          0,
          table.update(key) { _, value, _ in
            let held = value.assumingMemoryBound(to: table_held.self)
            #expect(held.pointee.th_chain == nil)
            held.pointee = table_held(th_chain: chain(), th_bytes: bytes, th_packets: 3)
            return TABLE_KEEP
          })
      }
      for key in 0..<20 as Range<UInt64> { fill(key, bytes: 100) }
      #expect(table_held_bytes(t, 0) == 2000 && table_held_bytes(t, 1) == 0)
      #expect(engine.mbufStatistics.mbufs.inFlight == 100)
      // Copies do not show where the packets are.
      var copy = [UInt64](repeating: 9, count: 4)
      var key: UInt64 = 3
      #expect(table_lookup(t, 0, &key, &copy) == 0)
      #expect(copy[0] == 0 && copy[1] == 100 | 3 << 32)
      #expect(engine.tableEntries(of: "ip.fragments", vnet: 0)!.allSatisfy { $0.value[..<8].allSatisfy { $0 == 0 } })
      #expect(table_insert(t, 0, &key, &copy) == EINVAL && table_remove(t, 0, &key, nil) == EINVAL)
      // Removed with its packets; removed after they were taken out; changed.
      #expect(table.update(0) { _, _, _ in TABLE_REMOVE } == 0)
      #expect(engine.mbufStatistics.mbufs.inFlight == 95 && table_held_bytes(t, 0) == 1900)
      var taken: Mbuf?
      expectSame(
        0,
        table.update(1) { _, value, _ in
          let held = value.assumingMemoryBound(to: table_held.self)
          taken = held.pointee.th_chain
          held.pointee.th_chain = nil
          return TABLE_REMOVE
        })
      #expect(engine.mbufStatistics.mbufs.inFlight == 95 && table_held_bytes(t, 0) == 1800)
      expectSame(
        0,
        table.update(2) { _, value, _ in
          value.assumingMemoryBound(to: table_held.self).pointee.th_bytes = 5
          return TABLE_KEEP
        })
      #expect(table_held_bytes(t, 0) == 1705)
      expectSame(
        0,
        table.update(77) { _, value, _ in
          value.assumingMemoryBound(to: table_held.self).pointee = table_held(
            th_chain: chain(), th_bytes: 9, th_packets: 3)
          return TABLE_REMOVE
        })
      #expect(engine.mbufStatistics.mbufs.inFlight == 95 && table_held_bytes(t, 0) == 1705)
      #expect(table_evict(t, 0, nil, nil) == 0)
      #expect(table_held_bytes(t, 0) == 1700 && table.count == 17)
      #expect(table.sweep { key, _, _ in key % 2 == 0 ? TABLE_REMOVE : TABLE_KEEP } == 8)
      #expect(table_held_bytes(t, 0) == 900 && engine.mbufStatistics.mbufs.inFlight == 50)
      // The rest goes with the table.
      let identity = PluginIdentity(name: "ip", stateVersion: 2)
      let handover = engine.commitRegistration(identity)
      #expect(engine.mbufStatistics.mbufs.inFlight == 50)
      engine.releaseState(handover.retired)
      #expect(engine.mbufStatistics.mbufs.inFlight == 5)
      engine.withAttachedThread {
        let context = ThreadContext.current!
        context.pointee.mbufs.freeHeld(taken)
      }
    }
    expectNoLeak(engine)
  }

  /// A fault in a callback: the lock is given back, the entry is gone, the rest is whole.
  @Test func abandonedCallbacks() {
    engine.withAttachedThread {
      let t = Spec(name: "ip.fragments", valueSize: 16, flags: TABLE_HOLDS_MBUFS).make(in: engine)
      let table = Table(t: t)
      nonisolated(unsafe) let shared = t
      for key in 0..<3 as Range<UInt64> {
        expectSame(
          0,
          table.update(key) { _, value, _ in
            value.assumingMemoryBound(to: table_held.self).pointee.th_bytes = 10
            return TABLE_KEEP
          })
      }
      for (key, held) in [(1, 20), (50, 20)] as [(UInt64, UInt64)] {
        // Swift can't jump out of a callback: a thread stays in it for ever, and its record is recovered by this one.
        let parked = Parked(engine: engine, t: shared, key: key)
        let raw = Unmanaged.passUnretained(parked).toOpaque()
        var thread = pthread_t()
        #expect(
          pthread_create(&thread, nil, { Unmanaged<Parked>.fromOpaque($0!).takeUnretainedValue().run() }, raw) == 0)
        sem_wait(&parked.isInside)
        let record = parked.record!
        #expect(!record.pointee.tableHold.isNone)
        record.abandonTable()
        #expect(record.pointee.tableHold.isNone)
        #expect(table.lookup(key) == nil && table.count == 2 && table_held_bytes(t, 0) == held)
        #expect(table.update(key + 100) { _, _, _ in TABLE_REMOVE } == 0)
      }
    }
  }

  final class Parked: @unchecked Sendable {
    let engine: Engine
    let t: OpaquePointer
    let key: UInt64
    var record: UnsafeMutablePointer<ThreadContext>?
    var isInside = sem_t()

    init(engine: Engine, t: OpaquePointer, key: UInt64) {
      (self.engine, self.t, self.key) = (engine, t, key)
      sem_init(&isInside, 0, 0)
    }

    func run() -> Never {
      record = engine.attachCurrentThread()
      _ = Table(t: t).update(key) { _, value, _ in
        value.assumingMemoryBound(to: table_held.self).pointee.th_bytes = 99
        sem_post(&self.isInside)
        while true { pause() }
      }
      fatalError("unreachable")
    }
  }
}
