import NetISRPlugin

/// Which bytes of a datagram are here: two bits for each 8 of 65,536 bytes, in the 2,048 bytes of one cluster.
///
/// "Held": these bytes are here. "Start": a fragment began here, by which an exact duplicate is told from an overlap
/// that happens to have the same bytes. Putting a fragment in costs its own length, whatever came before: lists of
/// fragments, kept in order, are quadratic in tiny ones.
@safe
struct FragmentMap {
  /// `words` words of "held", then as many of "start".
  private let held: UnsafeMutablePointer<UInt64>
  private var starts: UnsafeMutablePointer<UInt64> { unsafe held + Self.words }

  private static let words = 128
  private static let units = words &* 64

  /// A cluster of `MCLBYTES` bytes that `initialize` has made a map.
  init(_ cluster: UnsafeMutablePointer<CChar>) {
    unsafe held = UnsafeMutableRawPointer(cluster).assumingMemoryBound(to: UInt64.self)
  }

  /// Makes an empty map of a cluster's storage.
  static func initialize(_ cluster: UnsafeMutablePointer<CChar>) {
    unsafe UnsafeMutableRawPointer(cluster).initializeMemory(as: UInt64.self, repeating: 0, count: 2 &* words)
  }

  /// Calls `body` with each word of the map that covers bytes from `start` to `end`, and the bits of it that do. Stops
  /// when `body` returns false.
  private func forEachWord(from start: Int, to end: Int, _ body: (_ word: Int, _ bits: UInt64) -> Bool) {
    var unit = start >> 3
    let last = Swift.min((end &+ 7) >> 3, Self.units)
    while unit < last {
      let bit = unit & 63
      let count = Swift.min(64 &- bit, last &- unit)
      let bits = (UInt64.max &>> UInt64(64 &- count)) &<< UInt64(bit)
      // In bounds: unit < last <= units.
      guard body(unit >> 6, bits) else { return }
      unit &+= count
    }
  }

  /// Whether any byte of the range is here.
  func holdsAny(from start: Int, to end: Int) -> Bool {
    var found = false
    forEachWord(from: start, to: end) { word, bits in
      found = unsafe held[word] & bits != 0
      return !found
    }
    return found
  }

  /// Whether one fragment brought exactly this range: all of it is here, a fragment starts where it does, none inside,
  /// and what is behind it, if anything, came with another.
  func isOneFragment(from start: Int, to end: Int) -> Bool {
    let first = start >> 3
    var isOne = true
    forEachWord(from: start, to: end) { word, bits in
      let expected: UInt64 = word == first >> 6 ? 1 &<< UInt64(first & 63) : 0
      isOne = unsafe held[word] & bits == bits && starts[word] & bits == expected
      return isOne
    }
    guard isOne else { return false }
    let next = (end &+ 7) >> 3
    guard next < Self.units else { return true }
    let bit: UInt64 = 1 &<< UInt64(next & 63)
    return unsafe held[next >> 6] & bit == starts[next >> 6] & bit
  }

  /// Where the fragment ends that brought the first bytes, to 8 bytes; no more than `limit`.
  func firstEnd(limit: Int) -> Int {
    var unit = 0
    while unit < Self.units, unit << 3 < limit {
      let bit: UInt64 = 1 &<< UInt64(unit & 63)
      // In bounds: unit < units.
      let isItsOwn = unsafe held[unit >> 6] & bit != 0 && (unit == 0 || starts[unit >> 6] & bit == 0)
      guard isItsOwn else { break }
      unit &+= 1
    }
    return unit << 3
  }

  /// A fragment brought this range.
  func mark(from start: Int, to end: Int) {
    forEachWord(from: start, to: end) { word, bits in
      unsafe held[word] |= bits
      return true
    }
    let first = start >> 3
    guard first < Self.units else { return }
    unsafe starts[first >> 6] |= 1 &<< UInt64(first & 63)
  }
}
