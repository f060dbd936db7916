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

extension Interface {
  /// How many addresses it has, of all families.
  public var addressCount: Int {
    // The host writes at most IFNET_MAXADDRS addresses; a wrong count must not lead out of the array.
    unsafe Swift.min(Int(ifp.pointee.if_addrcount), Int(IFNET_MAXADDRS))
  }

  /// The IPv4 address and its prefix length at a place below `addressCount`, as numbers; nil where another family's is.
  public func ipv4(at index: Int) -> (address: UInt32, prefixLength: UInt32)? {
    guard index >= 0, index < addressCount else { return nil }
    return unsafe withUnsafePointer(to: &ifp.pointee.if_addrs) { addresses in
      unsafe addresses.withMemoryRebound(to: ifnet_addr.self, capacity: Int(IFNET_MAXADDRS)) { addresses in
        let candidate = unsafe addresses + index
        guard unsafe candidate.pointee.ia_family == 4 else { return nil }
        let bytes = unsafe candidate.pointee.ia_addr
        let address = UInt32(bytes.0) << 24 | UInt32(bytes.1) << 16 | UInt32(bytes.2) << 8 | UInt32(bytes.3)
        return unsafe (address, UInt32(candidate.pointee.ia_prefixlen))
      }
    }
  }

  /// Its addresses are used without looking whether another station uses them (IFNET_NODAD).
  @inlinable
  public var skipsDetection: Bool { unsafe ifp.pointee.if_flags & UInt32(IFNET_NODAD) != 0 }

  /// Has `function` called soon after this generation has begun to serve, and after each change of the host's interfaces or
  /// their addresses. Only in `netisr_plugin_register`. [control]
  public static func watch(_ function: Callout.Function) throws(Errno) {
    let error = unsafe ifnet_watch(Callout.raw(function), nil)
    if error != 0 { throw Errno(error) }
  }
}
