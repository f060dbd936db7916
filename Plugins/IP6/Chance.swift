import NetISRPlugin

/// Numbers that differ from station to station and from time to time: for delays, nonces and identifications. They are no
/// secrets.
enum Chance {
  /// Each bit of the argument changes half of the result's (SplitMix64's finalizer).
  static func mix(_ number: UInt64) -> UInt64 {
    var z = number &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A number for now; `salt` makes a difference between those of one moment.
  static func number(_ salt: UInt64, on interface: Interface) -> UInt64 {
    mix(netisr_time() ^ mix(salt ^ mix(interface.etherAddress ?? 0)))
  }

  /// Ticks from 1 to `most`.
  static func ticks(upTo most: UInt32, _ salt: UInt64, on interface: Interface) -> UInt32 {
    1 &+ UInt32(truncatingIfNeeded: number(salt, on: interface) % UInt64(max(most, 1)))
  }
}
