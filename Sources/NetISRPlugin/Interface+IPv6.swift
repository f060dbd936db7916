/// An interface's IPv6 addresses.
extension Interface {
  /// Whether the address, given as two numbers, is one of the interface's own.
  public func hasAddress(high: UInt64, low: UInt64) -> Bool {
    let count = unsafe Swift.min(Int(ifp.pointee.if_addrcount), Int(IFNET_MAXADDRS))
    return unsafe withUnsafeBytes(of: &ifp.pointee.if_addrs) { addresses in
      let stride = MemoryLayout<ifnet_addr>.stride
      for index in 0..<count {
        // In bounds: index < IFNET_MAXADDRS, the array's length.
        let entry = unsafe addresses.loadUnaligned(fromByteOffset: index &* stride, as: ifnet_addr.self)
        guard entry.ia_family == 6 else { continue }
        let found = unsafe withUnsafeBytes(of: entry.ia_addr) { bytes in
          unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)) == high
            && UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) == low
        }
        if found { return true }
      }
      return false
    }
  }
}
