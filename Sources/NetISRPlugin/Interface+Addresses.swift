/// The addresses of an interface.
extension Interface {
  /// Whether `address`, as a number, is one of the interface's own IPv4 addresses.
  public func hasIPv4(_ address: UInt32) -> Bool {
    // The host writes at most IFNET_MAXADDRS addresses; a wrong count must not lead out of the array.
    let count = unsafe Swift.min(Int(ifp.pointee.if_addrcount), Int(IFNET_MAXADDRS))
    return unsafe withUnsafePointer(to: &ifp.pointee.if_addrs) { addresses in
      unsafe addresses.withMemoryRebound(to: ifnet_addr.self, capacity: Int(IFNET_MAXADDRS)) { addresses in
        for index in 0..<count {
          let candidate = unsafe addresses + index
          guard unsafe candidate.pointee.ia_family == 4 else { continue }
          let bytes = unsafe candidate.pointee.ia_addr
          let own =
            UInt32(bytes.0) << 24 | UInt32(bytes.1) << 16 | UInt32(bytes.2) << 8 | UInt32(bytes.3)
          if own == address { return true }
        }
        return false
      }
    }
  }

  /// The link-level address as a number of 48 bits; nil when the interface has none of six bytes.
  public var etherAddress: UInt64? {
    guard unsafe ifp.pointee.if_lladdrlen == 6 else { return nil }
    let bytes = unsafe ifp.pointee.if_lladdr
    let high = UInt64(bytes.0) << 40 | UInt64(bytes.1) << 32 | UInt64(bytes.2) << 24
    return high | UInt64(bytes.3) << 16 | UInt64(bytes.4) << 8 | UInt64(bytes.5)
  }
}
