/// The IPv4 addresses of an interface.
extension Interface {
  /// Whether `address`, as a number, is one of the interface's own, or, if wanted, the broadcast address of one of its
  /// networks (RFC 919, section 7).
  public func takesIPv4(_ address: UInt32, orBroadcast: Bool) -> Bool {
    // A wrong count must not lead out of the array.
    let count = unsafe Swift.min(Int(ifp.pointee.if_addrcount), Int(IFNET_MAXADDRS))
    return unsafe withUnsafePointer(to: &ifp.pointee.if_addrs) { addresses in
      unsafe addresses.withMemoryRebound(to: ifnet_addr.self, capacity: Int(IFNET_MAXADDRS)) { addresses in
        for index in 0..<count {
          let candidate = unsafe addresses + index
          guard unsafe candidate.pointee.ia_family == 4 else { continue }
          let bytes = unsafe candidate.pointee.ia_addr
          let own = UInt32(bytes.0) << 24 | UInt32(bytes.1) << 16 | UInt32(bytes.2) << 8 | UInt32(bytes.3)
          if own == address { return true }
          // A network of one or two stations has no broadcast (RFC 3021); an overlong shift gives 0, none either.
          let hosts = unsafe UInt32.max >> UInt32(candidate.pointee.ia_prefixlen)
          if orBroadcast, hosts > 1, address == own | hosts { return true }
        }
        return false
      }
    }
  }
}
