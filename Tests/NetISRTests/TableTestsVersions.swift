import CNetISR
import Glibc
import Testing

@testable import NetISR

@Suite struct TableVersionTests {
  let engine = Engine()
  let v1 = PluginIdentity(name: "arp", stateVersion: 1)
  let v2 = PluginIdentity(name: "arp", stateVersion: 2)

  func open(_ spec: Spec, as identity: PluginIdentity) -> Table {
    var t: OpaquePointer?
    let error = engine.withRegistration(of: identity) { spec.open(&t) }
    #expect(error == 0)
    return Table(t: t!)
  }

  @Test func sameVersionKeepsContent() {
    engine.withAttachedThread {
      let first = open(Spec(), as: v1)
      #expect(engine.commitRegistration(v1).created == ["arp.neighbours"])
      #expect(first.insert(1, 10) == 0)
      // The code goes, the table stays; the next generation may want another bound.
      let second = open(Spec(max: 2), as: v1)
      #expect(second.t == first.t && second.lookup(1) == 10)
      #expect(engine.tableList()[0].maxEntries == 1000)
      let handover = engine.commitRegistration(v1)
      #expect(handover.kept == ["arp.neighbours"] && handover.created.isEmpty && handover.retired.isEmpty)
      #expect(second.lookup(1) == 10 && second.insert(2, 2) == 0 && second.insert(3, 3) == ENOSPC)
      var t: OpaquePointer?
      #expect(engine.withRegistration(of: v1) { Spec(keySize: 9).open(&t) } == EEXIST)
      engine.abortRegistration(v1)
      #expect(second.lookup(1) == 10)
    }
  }

  @Test func sharedTablesBelongToNobody() {
    engine.withAttachedThread {
      let first = open(Spec(name: "shared.claims"), as: v1)
      #expect(first.insert(1, 10) == 0)
      // Another plugin writes the same table; the first one's failure takes nothing away from it.
      let other = PluginIdentity(name: "udp", stateVersion: 7)
      let second = open(Spec(name: "shared.claims"), as: other)
      #expect(second.lookup(1) == 10 && second.insert(2, 20) == 0)
      engine.abortRegistration(v1)
      _ = engine.commitRegistration(other)
      #expect(first.lookup(2) == 20 && engine.tableList().map(\.name) == ["shared.claims"])
      engine.releaseState(engine.purgeState(owner: "udp"))
      #expect(second.lookup(1) == 10)
      var t: OpaquePointer?
      #expect(engine.withRegistration(of: v2) { Spec(name: "shared.claims", keySize: 9).open(&t) } == EEXIST)
      engine.abortRegistration(v2)
    }
  }

  @Test func anotherVersionStartsEmpty() {
    engine.withAttachedThread {
      let old = Table(t: Spec().make(in: engine))
      let dropped = Table(t: Spec(name: "arp.pending").make(in: engine))
      #expect(old.insert(1, 10) == 0 && dropped.insert(1, 11) == 0)
      var readerPointer: OpaquePointer?
      #expect(Spec().find(&readerPointer) == 0)
      let reader = Table(t: readerPointer!)
      #expect(reader.lookup(1) == 10)

      let new = open(Spec(), as: v2)
      #expect(new.t != old.t && new.lookup(1) == nil && new.insert(2, 20) == 0)
      // Nobody else sees it yet.
      #expect(reader.lookup(1) == 10 && reader.lookup(2) == nil && old.lookup(1) == 10)
      let handover = engine.commitRegistration(v2)
      #expect(handover.emptied == [.init(name: "arp.neighbours", oldVersion: 1, newVersion: 2)])
      #expect(handover.created.isEmpty && handover.kept.isEmpty && handover.retired.serials.count == 2)
      // Readers follow; the old generation, until it is out of service, has what it had.
      #expect(reader.lookup(1) == nil && reader.lookup(2) == 20)
      #expect(old.lookup(1) == 10 && dropped.lookup(1) == 11)
      engine.releaseState(handover.retired)
      engine.releaseState(handover.retired)
      #expect(old.lookup(1) == nil && old.insert(1, 1) == ENOENT && dropped.lookup(1) == nil)
      #expect(new.lookup(2) == 20)
      #expect(engine.tableList().map(\.name) == ["arp.neighbours"])
    }
  }

  @Test func abortTouchesNothing() {
    engine.withAttachedThread {
      let old = Table(t: Spec().make(in: engine))
      #expect(old.insert(1, 10) == 0)
      let new = open(Spec(), as: v2)
      let other = open(Spec(name: "arp.more"), as: v2)
      #expect(new.insert(1, 20) == 0 && other.insert(1, 1) == 0)
      engine.abortRegistration(v2)
      #expect(new.lookup(1) == nil && new.insert(1, 1) == ENOENT)
      #expect(old.lookup(1) == 10 && old.insert(2, 2) == 0)
      #expect(engine.tableList().map(\.name) == ["arp.neighbours"])
      #expect(engine.tableList()[0].owner == v1)
    }
  }

  @Test func whatIsLeftHalfDoneIsOver() {
    engine.withAttachedThread {
      let old = Table(t: Spec().make(in: engine))
      #expect(old.insert(1, 10) == 0)
      let half = open(Spec(), as: v2)
      #expect(half.insert(1, 20) == 0)
      let v3 = PluginIdentity(name: "arp", stateVersion: 3)
      let new = open(Spec(), as: v3)
      #expect(new.insert(1, 30) == 0)
      #expect(engine.commitRegistration(v3).emptied == [.init(name: "arp.neighbours", oldVersion: 1, newVersion: 3)])
      #expect(new.lookup(1) == 30 && engine.tableList()[0].owner == v3)
    }
  }

  @Test func readers() {
    engine.withAttachedThread {
      var t: OpaquePointer?
      #expect(Spec(name: "nobody").find(&t) == EINVAL)
      #expect(Spec(max: 0).find(&t) == 0)
      let reader = Table(t: t!)
      var again: OpaquePointer?
      #expect(Spec(max: 5).find(&again) == 0 && again == t)
      var wrong: OpaquePointer?
      #expect(Spec(valueSize: 4).find(&wrong) == 0 && wrong != t)
      #expect(reader.lookup(1) == nil && reader.insert(1, 1) == EPERM && reader.count == 0)
      let owner = Table(t: Spec().make(in: engine))
      #expect(owner.insert(1, 10) == 0)
      #expect(reader.lookup(1) == 10 && reader.count == 1)
      #expect(Table(t: wrong!).lookup(1) == nil && Table(t: wrong!).count == 0)
      #expect(reader.remove(1) == nil && reader.update(1) { _, _, _ in TABLE_REMOVE } == EPERM)
      #expect(reader.evict { _, _, _ in TABLE_REMOVE } == EPERM)
      // A reader's sweep is of copies.
      var seen = 0
      expectSame(
        0,
        reader.sweep { key, value, found in
          #expect(key == 1 && found && value.load(as: UInt64.self) == 10)
          value.storeBytes(of: 99, as: UInt64.self)
          seen += 1
          return TABLE_REMOVE
        })
      #expect(seen == 1 && owner.lookup(1) == 10)
    }
  }

  @Test func purging() {
    engine.withAttachedThread {
      let table = Table(t: Spec().make(in: engine))
      _ = Spec(name: "ip.other").make(in: engine)
      #expect(table.insert(1, 1) == 0)
      engine.releaseState(engine.purgeState(owner: "arp"))
      #expect(table.lookup(1) == nil && engine.tableList().map(\.name) == ["ip.other"])
      // What was purged starts anew, also under the same version.
      let again = Table(t: Spec().make(in: engine))
      #expect(again.lookup(1) == nil && again.insert(1, 2) == 0)
    }
  }

  /// Readers on two threads while versions follow each other: each look-up finds a whole value of some version.
  @Test func readersWhileSwapping() {
    let engine = engine
    final class Flag: Sendable {
      let stop = Lock()
      nonisolated(unsafe) var isSet = false
    }
    let flag = Flag()
    runThreads(3) { index in
      engine.withAttachedThread {
        if index == 0 {
          for version in 1...60 as ClosedRange<UInt32> {
            let identity = PluginIdentity(name: "arp", stateVersion: version)
            var t: OpaquePointer?
            _ = engine.withRegistration(of: identity) { Spec(valueSize: 64).open(&t) }
            let value = [UInt64](repeating: UInt64(version), count: 8)
            for key in 0..<50 as Range<UInt64> {
              #expect(withUnsafeBytes(of: key) { table_insert(t, 0, $0.baseAddress, value) } == 0)
            }
            let handover = engine.commitRegistration(identity)
            engine.gracePeriod.wait()
            engine.releaseState(handover.retired)
          }
          flag.stop.withLock { flag.isSet = true }
        } else {
          var t: OpaquePointer?
          #expect(Spec(valueSize: 64).find(&t) == 0)
          var newest: UInt64 = 0
          var value = [UInt64](repeating: 0, count: 8)
          while !flag.stop.withLock({ flag.isSet }) {
            for key in 0..<50 as Range<UInt64> {
              if withUnsafeBytes(of: key, { table_lookup(t, 0, $0.baseAddress, &value) }) == 0 {
                #expect(value.allSatisfy { $0 == value[0] } && value[0] >= newest)
                newest = value[0]
              }
            }
          }
        }
      }
    }
    #expect(engine.tableList()[0].owner.stateVersion == 60)
  }
}
