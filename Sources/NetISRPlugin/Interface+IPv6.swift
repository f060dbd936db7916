/// The IPv6 addresses of an interface.
extension Interface {
  /// The address, as two numbers, and its prefix length at a place below `addressCount`; nil where another family's is.
  public func ipv6(at index: Int) -> (high: UInt64, low: UInt64, prefixLength: UInt32)? {
    guard index >= 0, index < addressCount else { return nil }
    let own = unsafe addresses[index]
    guard own.ia_family == 6 else { return nil }
    return unsafe withUnsafeBytes(of: own.ia_addr) { bytes in
      unsafe (
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)), UInt32(own.ia_prefixlen)
      )
    }
  }

  /// Whether the address, given as two numbers, is one of the interface's own.
  public func hasIPv6(high: UInt64, low: UInt64) -> Bool {
    for index in 0..<addressCount {
      let own = unsafe addresses[index]
      guard own.ia_family == 6 else { continue }
      let isSame = unsafe withUnsafeBytes(of: own.ia_addr) { bytes in
        unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)) == high
          && UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) == low
      }
      if isSame { return true }
    }
    return false
  }
}
