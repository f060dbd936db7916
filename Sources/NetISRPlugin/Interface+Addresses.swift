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
    guard unsafe ifp.pointee.if_lladdrlen == 6 else { return nil }
    let bytes = unsafe ifp.pointee.if_lladdr
    let high = UInt64(bytes.0) << 40 | UInt64(bytes.1) << 32 | UInt64(bytes.2) << 24
    return high | UInt64(bytes.3) << 16 | UInt64(bytes.4) << 8 | UInt64(bytes.5)
  }
}
