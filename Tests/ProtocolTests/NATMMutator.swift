import TestSupport
/// Seeded changes of good packets.
struct Mutator {
  private var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func next() -> UInt64 { random.next() }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

  /// Changes some bytes, or the length.
  mutating func mutate(_ bytes: inout [UInt8]) {
    for _ in 0..<below(4) {
      guard !bytes.isEmpty else { return }
      switch below(6) {
      case 0: bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: next())
      case 1: bytes[below(bytes.count)] ^= 1 << UInt8(below(8))
      case 2: bytes[below(min(bytes.count, 32))] = [0, 1, 0x7f, 0x80, 0xff][below(5)]
      case 3: bytes.removeLast(below(bytes.count))
      case 4: bytes += (0..<below(40)).map { _ in UInt8(truncatingIfNeeded: next()) }
      default:
        let at = below(bytes.count)
        bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + below(16))], at: below(bytes.count))
      }
    }
  }

  /// Where to cut a chain; often nowhere.
  mutating func split(of count: Int) -> [Int] {
    below(2) == 0 ? [] : (0..<below(4)).map { _ in below(count) }
  }
}
