import NetISRPlugin

/// The key of `ip6.addresses`, 20 bytes.
struct AddressKey: BitwiseCopyable {
  var address: IP6AddressBytes
  /// The interface's index, of an address that means something on its link only; else 0: who it is for does not depend on
  /// where it comes in.
  var zone: UInt32

  init(_ address: IP6Address, on interface: UInt32) {
    self.address = address.wire
    zone = address.isLinkScoped ? interface : 0
  }

  static let none = AddressKey(.unspecified, on: 0)
}

/// The value of `ip6.addresses`: an address of this station, and how far it is with using it (RFC 4862). 32 bytes, without
/// padding.
struct OwnAddress: BitwiseCopyable {
  /// Whether it may be used.
  enum State {
    /// Section 5.4: it is looked for others that have it; this station neither answers to it nor sends from it.
    static let tentative: UInt8 = 1
    static let preferred: UInt8 = 2
    /// Section 5.5.4: good for what goes on, not for what begins.
    static let deprecated: UInt8 = 3
    /// Section 5.4.5: somebody else has it. It stays so until the link goes down, or somebody changes the configuration.
    static let duplicate: UInt8 = 4
  }

  /// Where it comes from.
  enum Origin {
    static let configured: UInt8 = 1
    /// Made of the link-level address.
    static let linkLocal: UInt8 = 2
    /// Made of a router's prefix (section 5.5).
    static let autoconfigured: UInt8 = 3
  }

  /// Seconds that mean "for ever".
  static let infinite = UInt32.max
  static let limit: UInt32 = 16_384

  var state: UInt8 = 0
  var origin: UInt8 = 0
  /// Bits.
  var prefixLength: UInt8 = 0
  /// Probes so far.
  var probes: UInt8 = 0
  /// The index of the interface that has it.
  var interface: UInt32 = 0
  /// Ticks until the next probe.
  var ticks: UInt32 = 0
  /// Seconds for which it is still valid, and preferred.
  var valid = OwnAddress.infinite
  var preferred = OwnAddress.infinite
  /// Messages of others that claimed it.
  var conflicts: UInt32 = 0
  /// In the probes, lest this station takes one that comes back for another's (RFC 7527).
  var nonce: UInt64 = 0

  init() {}

  /// One that has just come to an interface; `chance` is any number.
  init(
    origin: UInt8, prefixLength: UInt32, on interface: Interface, valid: UInt32 = infinite,
    preferred: UInt32 = infinite,
    chance: UInt64
  ) {
    let detects = unsafe !interface.skipsDetection && settings.dadCount.isOn
    self.origin = origin
    self.prefixLength = UInt8(truncatingIfNeeded: prefixLength)
    self.interface = interface.index
    self.valid = valid
    self.preferred = preferred
    state = detects ? State.tentative : preferred > 0 ? State.preferred : State.deprecated
    // Up to a second, so that stations that start together don't speak together (section 5.4.2).
    ticks = detects ? 1 &+ UInt32(truncatingIfNeeded: chance % UInt64(Timer.second)) : 0
    // 48 bits.
    nonce = Chance.mix(chance) >> 16
  }

  var isUsable: Bool { state == State.preferred || state == State.deprecated }

  /// What is to be done for an address.
  enum Step {
    case nothing, probe, begin
  }

  /// A tick has passed. `count` is the number of probes, `interval` the ticks behind each.
  mutating func tick(count: UInt8, interval: UInt32) -> Step {
    guard state == State.tentative else { return .nothing }
    if ticks > 1 {
      ticks &-= 1
      return .nothing
    }
    if probes < count {
      probes &+= 1
      ticks = interval
      return .probe
    }
    state = preferred > 0 ? State.preferred : State.deprecated
    return .begin
  }

  /// A second has passed. False when its time is over.
  mutating func age() -> Bool {
    if preferred != OwnAddress.infinite && preferred > 0 {
      preferred &-= 1
      if preferred == 0 && state == State.preferred { state = State.deprecated }
    }
    guard valid != OwnAddress.infinite else { return true }
    valid = valid > 0 ? valid &- 1 : 0
    return valid > 0
  }
}
