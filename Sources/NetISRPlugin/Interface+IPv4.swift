extension Interface {
  /// Whether `address`, as a number, is the broadcast address of one of the interface's IPv4 networks (RFC 919, section 7).
  public func isIPv4Broadcast(_ address: UInt32) -> Bool {
    // The host writes at most IFNET_MAXADDRS addresses; a wrong count must not lead out of the array.
    let count = unsafe Swift.min(Int(ifp.pointee.if_addrcount), Int(IFNET_MAXADDRS))
    return unsafe withUnsafePointer(to: &ifp.pointee.if_addrs) { addresses in
      unsafe addresses.withMemoryRebound(to: ifnet_addr.self, capacity: Int(IFNET_MAXADDRS)) { addresses in
        for index in 0..<count {
          let candidate = unsafe addresses + index
          guard unsafe candidate.pointee.ia_family == 4 else { continue }
          let bytes = unsafe candidate.pointee.ia_addr
          let own = UInt32(bytes.0) << 24 | UInt32(bytes.1) << 16 | UInt32(bytes.2) << 8 | UInt32(bytes.3)
          // A network of one or two stations has none (RFC 3021); a shift too far gives 0, none either.
          let stations = unsafe UInt32.max >> UInt32(candidate.pointee.ia_prefixlen)
          if stations > 1, address == own | stations { return true }
        }
        return false
      }
    }
  }
}
