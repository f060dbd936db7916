/// The IPv4 addresses of an interface.
extension Interface {
  /// Whether `address`, as a number, is one of the interface's own.
  public func hasIPv4(_ address: UInt32) -> Bool {
    for index in 0..<addressCount {
      if let own = ipv4(at: index), own.address == address { return true }
    }
    return false
  }

  /// Whether `address`, as a number, is the broadcast address of one of the interface's networks (RFC 919, section 7).
  public func isIPv4Broadcast(_ address: UInt32) -> Bool {
    for index in 0..<addressCount {
      guard let own = ipv4(at: index) else { continue }
      // A network of one or two stations has none (RFC 3021); a shift too far gives 0, none either.
      let stations = UInt32.max >> own.prefixLength
      if stations > 1, address == own.address | stations { return true }
    }
    return false
  }

  /// The address and its prefix length at a place below `addressCount`, as numbers; nil where another family's is.
  public func ipv4(at index: Int) -> (address: UInt32, prefixLength: UInt32)? {
    guard index >= 0, index < addressCount else { return nil }
    let own = unsafe addresses[index]
    guard own.ia_family == 4 else { return nil }
    let bytes = own.ia_addr
    let address = UInt32(bytes.0) << 24 | UInt32(bytes.1) << 16 | UInt32(bytes.2) << 8 | UInt32(bytes.3)
    return (address, UInt32(own.ia_prefixlen))
  }

  /// Its addresses are used without looking whether another station uses them (IFNET_NODAD).
  @inlinable
  public var skipsDetection: Bool { unsafe ifnet_flags(ifp) & UInt32(IFNET_NODAD) != 0 }

  /// Has `function` called soon after this generation has begun to serve, and after each change of the host's interfaces or
  /// their addresses. Only in `netisr_plugin_register`. [control]
  public static func watch(_ function: Callout.Function) throws(Errno) {
    let error = unsafe ifnet_watch(Callout.raw(function), nil)
    if error != 0 { throw Errno(error) }
  }
}
