/// A keyed hash of short byte strings: SipHash, by default with 1 and 3 rounds.
///
/// Keys of tables come from remote senders (addresses, fragment ids). With a hash that they can compute they could
/// send all their entries into one chain; this one's key is random for each table. SipHash-1-3 is what Swift's
/// dictionaries use for the same reason; it takes about a nanosecond a byte for the keys that occur. A keyed
/// multiplication is faster, but its key can be found from few timings.
/// Source: Aumasson, Bernstein, "SipHash: a fast short-input PRF" (2012).
struct SipHash: Sendable {
  private let k0: UInt64
  private let k1: UInt64

  init(_ k0: UInt64, _ k1: UInt64) {
    self.k0 = k0
    self.k1 = k1
  }

  /// A hash that nobody else can compute.
  static func random() -> SipHash {
    SipHash(.random(in: .min ... .max), .random(in: .min ... .max))
  }

  /// The hash of `count` bytes.
  @inline(__always)
  func hash(_ bytes: UnsafeRawPointer, count: Int, compression: Int = 1, finalization: Int = 3) -> UInt64 {
    var state = State(k0, k1)
    var offset = 0
    while offset &+ 8 <= count {
      let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      state.absorb(word, rounds: compression)
      offset &+= 8
    }
    var last = UInt64(truncatingIfNeeded: count) << 56
    var shift: UInt64 = 0
    while offset < count {
      last |= unsafe UInt64(bytes.load(fromByteOffset: offset, as: UInt8.self)) << shift
      shift &+= 8
      offset &+= 1
    }
    state.absorb(last, rounds: compression)
    return state.finish(rounds: finalization)
  }

  private struct State {
    var v0, v1, v2, v3: UInt64

    init(_ k0: UInt64, _ k1: UInt64) {
      v0 = k0 ^ 0x736f_6d65_7073_6575
      v1 = k1 ^ 0x646f_7261_6e64_6f6d
      v2 = k0 ^ 0x6c79_6765_6e65_7261
      v3 = k1 ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    mutating func absorb(_ word: UInt64, rounds: Int) {
      v3 ^= word
      for _ in 0..<rounds { mix() }
      v0 ^= word
    }

    @inline(__always)
    mutating func finish(rounds: Int) -> UInt64 {
      v2 ^= 0xff
      for _ in 0..<rounds { mix() }
      return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always)
    private mutating func mix() {
      v0 = v0 &+ v1
      v1 = rotate(v1, 13) ^ v0
      v0 = rotate(v0, 32)
      v2 = v2 &+ v3
      v3 = rotate(v3, 16) ^ v2
      v0 = v0 &+ v3
      v3 = rotate(v3, 21) ^ v0
      v2 = v2 &+ v1
      v1 = rotate(v1, 17) ^ v2
      v2 = rotate(v2, 32)
    }

    @inline(__always)
    private func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 { word &<< bits | word &>> (64 &- bits) }
  }
}
