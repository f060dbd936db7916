import CNetISR
import Glibc

/// An address of an interface and the size of its network: `192.0.2.1/24`, `2001:db8::1/64`.
public struct InterfaceAddress: Hashable, Sendable, CustomStringConvertible {
  /// 4 or 16 bytes, in network order.
  public let bytes: [UInt8]
  /// Bits of the network.
  public let prefixLength: UInt8

  /// 4 or 6.
  public var family: UInt8 { bytes.count == 4 ? 4 : 6 }

  /// Understands a text; nil when it is no such address. Without a length it is a network of its own.
  public init?(_ text: some StringProtocol, family: UInt8) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let address = parts.first, parts.count <= 2 else { return nil }
    let size = family == 4 ? 4 : 16
    var bytes = [UInt8](repeating: 0, count: size)
    guard unsafe inet_pton(family == 4 ? AF_INET : AF_INET6, String(address), &bytes) == 1 else { return nil }
    self.bytes = bytes
    guard parts.count == 2 else {
      prefixLength = UInt8(size * 8)
      return
    }
    guard let length = UInt8(parts[1]), Int(length) <= size * 8 else { return nil }
    prefixLength = length
  }

  /// As it was written, in the usual form.
  public var description: String {
    var text = [CChar](repeating: 0, count: 64)
    unsafe _ = inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
    return "\(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))/\(prefixLength)"
  }

  /// The addresses of an interface.
  public static func read(from interface: UnsafeMutablePointer<ifnet>) -> [InterfaceAddress] {
    let count = unsafe min(Int(interface.pointee.if_addrcount), Int(IFNET_MAXADDRS))
    return (0..<count).map { index in
      let entry = unsafe ifnet_addresses(interface)[index]
      let bytes = unsafe withUnsafeBytes(of: entry.ia_addr) { unsafe Array($0.prefix(entry.ia_family == 4 ? 4 : 16)) }
      return InterfaceAddress(bytes: bytes, prefixLength: entry.ia_prefixlen)
    }
  }

  private init(bytes: [UInt8], prefixLength: UInt8) {
    self.bytes = bytes
    self.prefixLength = prefixLength
  }

  /// Writes addresses into an interface that nobody uses yet; at most IFNET_MAXADDRS of them.
  public static func write(_ addresses: [InterfaceAddress], to interface: UnsafeMutablePointer<ifnet>) {
    let kept = addresses.prefix(Int(IFNET_MAXADDRS))
    unsafe withUnsafeMutableBytes(of: &interface.pointee.if_addrs) { field in
      for (index, address) in kept.enumerated() {
        var entry = ifnet_addr()
        entry.ia_family = address.family
        entry.ia_prefixlen = address.prefixLength
        unsafe withUnsafeMutableBytes(of: &entry.ia_addr) { unsafe $0.copyBytes(from: address.bytes) }
        unsafe field.storeBytes(of: entry, toByteOffset: index * MemoryLayout<ifnet_addr>.stride, as: ifnet_addr.self)
      }
    }
    unsafe interface.pointee.if_addrcount = UInt32(kept.count)
  }
}
