import CNetISR
import Glibc
import TestSupport
import Testing

@testable import NetISR

@Suite struct TablePrefixTests {
  let engine = Engine()

  /// A prefix as a string of its bits: the model.
  static func bits(_ key: [UInt8]) -> [UInt8] {
    let length = Int(key[0]) | Int(key[1]) << 8
    return key[4...].flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }.prefix(length).map { $0 }
  }

  func key(_ length: Int, _ address: [UInt8]) -> [UInt8] { withUnsafeBytes(of: UInt32(length)) { Array($0) } + address }

  @Test func basics() {
    engine.withAttachedThread {
      let t = Spec(name: "route.v4", kind: UInt32(TABLE_LPM), valueSize: 1, max: 3).make(in: engine)
      var value: UInt8 = 0
      var length: UInt32 = 9
      #expect(table_match(t, 0, [10, 0, 0, 1] as [UInt8], &value, nil) == ENOENT)
      #expect(table_insert(t, 0, key(0, [1, 2, 3, 4]), [1]) == 0)
      #expect(table_insert(t, 0, key(32, [10, 0, 0, 1]), [2]) == 0)
      #expect(table_insert(t, 0, key(33, [10, 0, 0, 1]), [3]) == EINVAL)
      #expect(table_insert(t, 0, key(8, [10, 9, 9, 9]), [3]) == 0)
      #expect(table_insert(t, 0, key(9, [10, 9, 9, 9]), [4]) == ENOSPC)
      #expect(table_count(t, 0) == 3)
      for (address, expected, plen) in [([10, 0, 0, 1], 2, 32), ([10, 0, 0, 2], 3, 8), ([11, 0, 0, 1], 1, 0)]
        as [([UInt8], UInt8, UInt32)]
      {
        #expect(table_match(t, 0, address, &value, &length) == 0 && value == expected && length == plen)
      }
      // Bits behind the prefix do not count; a look-up is exact.
      #expect(table_lookup(t, 0, key(8, [10, 1, 2, 3]), &value) == 0 && value == 3)
      #expect(table_lookup(t, 0, key(9, [10, 1, 2, 3]), &value) == ENOENT)
      #expect(table_lookup(t, 0, key(1 << 20, [10, 1, 2, 3]), &value) == ENOENT)
      #expect(table_insert(t, 0, key(8, [10, 5, 5, 5]), [7]) == 0 && table_count(t, 0) == 3)
      #expect(
        table_update(
          t, 0, key(8, [10, 0, 0, 0]),
          { _, key, value, found in
            value!.storeBytes(of: 8, as: UInt8.self)
            return found == 1 && key!.load(as: UInt32.self) == 8 ? TABLE_KEEP : TABLE_REMOVE
          }, nil) == 0)
      #expect(table_update(t, 0, key(7, [10, 0, 0, 0]), { _, _, _, _ in TABLE_KEEP }, nil) == ENOENT)
      #expect(table_update(t, 0, key(77, [10, 0, 0, 0]), { _, _, _, _ in TABLE_KEEP }, nil) == EINVAL)
      #expect(table_remove(t, 0, key(8, [10, 0, 0, 0]), &value) == 0 && value == 8)
      #expect(table_remove(t, 0, key(8, [10, 0, 0, 0]), &value) == ENOENT)
      #expect(table_evict(t, 0, nil, nil) == EINVAL && table_held_bytes(t, 0) == 0)
      #expect(engine.tableList()[0].kind == .lpm)
      #expect(
        table_sweep(t, 0, { _, key, _, _ in key!.load(as: UInt32.self) == 0 ? TABLE_REMOVE : TABLE_KEEP }, nil) == 1)
      #expect(table_count(t, 0) == 1)
      engine.removeTableEntries(vnet: 0)
      #expect(table_count(t, 0) == 0 && table_match(t, 0, [10, 0, 0, 1] as [UInt8], &value, nil) == ENOENT)
    }
  }

  /// Random prefixes, dense enough to nest, against a search through all of them.
  @Test(arguments: [(4, 1), (4, 2), (16, 3), (16, 4)]) func model(size: Int, seed: UInt64) {
    engine.withAttachedThread {
      let t = Spec(name: "route.table", kind: UInt32(TABLE_LPM), keySize: UInt32(size + 4), valueSize: 8).make(
        in: engine)
      var random = SeededGenerator(seed: seed)
      var model: [[UInt8]: UInt64] = [:]
      func address() -> [UInt8] {
        // Bytes of few values, so that addresses share prefixes of all lengths.
        (0..<size).map { _ in
          [0, 0, 0x80, 0xff, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random)!
        }
      }
      func length() -> Int {
        Int.random(in: 0...9, using: &random) == 0
          ? [0, size * 8].randomElement(using: &random)! : .random(in: 0...(size * 8), using: &random)
      }
      for round in 0..<4000 as Range<UInt64> {
        let key = key(length(), address())
        let bits = Self.bits(key)
        var value = round
        switch Int.random(in: 0...5, using: &random) {
        case 0...2:
          #expect(table_insert(t, 0, key, &value) == (model[bits] == nil && model.count == 1000 ? ENOSPC : 0))
          if model[bits] != nil || model.count < 1000 { model[bits] = round }
        case 3:
          guard let victim = model.keys.randomElement(using: &random) else { break }
          var bytes = [UInt8](repeating: 0, count: size)
          for (index, bit) in victim.enumerated() { bytes[index / 8] |= bit << (7 - index % 8) }
          #expect(table_remove(t, 0, self.key(victim.count, bytes), &value) == 0 && value == model[victim])
          model[victim] = nil
        default:
          #expect(table_lookup(t, 0, key, &value) == (model[bits] == nil ? ENOENT : 0))
          if let known = model[bits] { #expect(value == known) }
        }
        let address = address()
        let whole = Self.bits(self.key(size * 8, address))
        let expected = (0...whole.count).reversed().first { model[Array(whole[..<$0])] != nil }
        var plen: UInt32 = 0
        #expect(table_match(t, 0, address, &value, &plen) == (expected == nil ? ENOENT : 0))
        if let expected { #expect(Int(plen) == expected && value == model[Array(whole[..<expected])]) }
        #expect(Int(table_count(t, 0)) == model.count)
      }
      let entries = engine.tableEntries(of: "route.table", vnet: 0)!
      let copies = entries.map { (Self.bits($0.key), $0.value.withUnsafeBytes { $0.load(as: UInt64.self) }) }
      #expect(Dictionary(uniqueKeysWithValues: copies) == model)
      #expect(table_sweep(t, 0, { _, _, _, _ in TABLE_REMOVE }, nil) == UInt32(model.count))
      #expect(table_count(t, 0) == 0)
    }
  }
}
