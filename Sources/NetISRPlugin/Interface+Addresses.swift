/// The addresses of an interface.
extension Interface {
  /// How many addresses it has, of all families.
  public var addressCount: Int { unsafe addresses.count }

  /// They are read where they lie: `&` would be a change of all of them, which others read meanwhile.
  var addresses: UnsafeBufferPointer<ifnet_addr> {
    // The host writes at most IFNET_MAXADDRS addresses; a wrong count must not lead out of the array.
    let count = unsafe Swift.min(Int(ifp.pointee.if_addrcount), Int(IFNET_MAXADDRS))
    return unsafe UnsafeBufferPointer(start: ifnet_addresses(ifp), count: count)
  }

  /// The link-level address as a number of 48 bits; nil when the interface has none of six bytes.
  public var etherAddress: UInt64? {
    var word: UInt64 = 0
    let length = unsafe withUnsafeMutableBytes(of: &word) {
      unsafe ifnet_lladdr(ifp, $0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self))
    }
    return length == 6 ? UInt64(bigEndian: word) >> 16 : nil
  }
}
