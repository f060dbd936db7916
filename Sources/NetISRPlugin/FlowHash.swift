/// The flow hash: one number for a flow and its replies.
///
/// Symmetric by construction: each end (address and port) is mixed by itself, and the two results are added, so
/// that exchanging the ends changes nothing. A fragment, which has no ports to show, is hashed by its datagram's addresses,
/// protocol and identification: all fragments of a datagram meet on one workstream, and are put together there.
public struct FlowHash {
  @usableFromInline var ends: UInt64 = 0
  @usableFromInline var rest: UInt64

  /// Starts with what both directions share: the protocol, or a fragment's identification.
  @inlinable
  public init(common: UInt64) {
    rest = FlowHash.mix(common ^ 0x9e37_79b9_7f4a_7c15)
  }

  /// Adds one end: up to 128 bits of address, and a port.
  @inlinable
  public mutating func addEnd(_ high: UInt64, _ low: UInt64, port: UInt16) {
    ends &+= FlowHash.mix(FlowHash.mix(FlowHash.mix(high) ^ low) ^ UInt64(port))
  }

  /// The hash.
  @inlinable
  public var value: UInt32 {
    let mixed = FlowHash.mix(ends ^ rest)
    return UInt32(truncatingIfNeeded: mixed ^ (mixed >> 32))
  }

  /// The finalizer of SplitMix64: each input bit changes half of the output bits.
  @inlinable
  static func mix(_ input: UInt64) -> UInt64 {
    var z = input &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
