/// The IPv6 addresses of an interface.
extension Interface {
  /// Whether the address, given as two numbers, is one of the interface's own.
  public func hasIPv6(high: UInt64, low: UInt64) -> Bool {
    // The host writes at most IFNET_MAXADDRS addresses; a wrong count must not lead out of the array.
    let count = unsafe Swift.min(Int(ifp.pointee.if_addrcount), Int(IFNET_MAXADDRS))
    return unsafe withUnsafePointer(to: &ifp.pointee.if_addrs) { addresses in
      unsafe addresses.withMemoryRebound(to: ifnet_addr.self, capacity: Int(IFNET_MAXADDRS)) { addresses in
        for index in 0..<count {
          let candidate = unsafe addresses + index
          guard unsafe candidate.pointee.ia_family == 6 else { continue }
          let isSame = unsafe withUnsafeBytes(of: candidate.pointee.ia_addr) { bytes in
            unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)) == high
              && UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) == low
          }
          if isSame { return true }
        }
        return false
      }
    }
  }
}
