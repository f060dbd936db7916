import CNetISR
import TestSupport

/// Damages packets, the same way each time.
struct ByteMutator: RandomNumberGenerator {
  private var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func next() -> UInt64 { random.next() }

  /// Flips, replaces, cuts, grows: one to four times.
  mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &self) {
      let at = Int.random(in: 0...max(bytes.count - 1, 0), using: &self)
      switch Int.random(in: 0..<6, using: &self) {
      case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self)
      case 1 where at < bytes.count: bytes[at] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &self)!
      case 2 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &self)
      case 3: bytes = Array(bytes.prefix(at))
      case 4: bytes += [UInt8](repeating: 0xff, count: Int.random(in: 1...40, using: &self))
      default: bytes.insert(UInt8.random(in: 0...255, using: &self), at: at)
      }
    }
    return bytes
  }

  /// Lengths of the first pieces of a chain for `count` bytes; empty pieces, too.
  mutating func split(_ count: Int) -> [Int] {
    (0..<Int.random(in: 0...4, using: &self)).map { _ in Int.random(in: 0...max(count / 2, 1), using: &self) }
  }
}

extension Harness {
  /// Hands a packet to a protocol while not one mbuf is left, as a chain that can't be brought together without one.
  func inputWithoutMemory(_ proto: Int32, _ bytes: [UInt8]) {
    engine.withAttachedThread {
      guard let head = m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)), let rest = Self.makeChain(Array(bytes[1...])) else {
        return
      }
      // One byte at the very end of its cluster: no room behind it.
      head.pointee.m_data += Int(MCLBYTES) - 1
      head.pointee.m_data[0] = CChar(bitPattern: bytes[0])
      head.pointee.m_len = 1
      head.pointee.m_next = rest
      rest.pointee.m_flags &= ~M_PKTHDR
      head.pointee.m_pkthdr.len = Int32(bytes.count)
      head.pointee.m_pkthdr.rcvif = interface
      var held: UnsafeMutablePointer<mbuf>?
      while let more = m_get(M_NOWAIT, MT_DATA) {
        more.pointee.m_next = held
        held = more
      }
      _ = netisr_dispatch(UInt32(proto), head)
      m_freem(held)
    }
  }

  /// The value of a key in a table of vnet 0; nil when it is not there.
  func tableValue(_ table: String, _ key: [UInt8]) -> [UInt8]? {
    engine.tableEntries(of: table, vnet: 0)?.first { $0.key == key }?.value
  }

  /// Entries of a table in vnet 0.
  func tableCount(_ table: String) -> Int { engine.tableEntries(of: table, vnet: 0)?.count ?? 0 }

  /// The key of an IPv4 address behind an interface.
  func key(_ address: [UInt8], _ interface: UnsafeMutablePointer<ifnet>? = nil) -> [UInt8] {
    address + withUnsafeBytes(of: (interface ?? self.interface).pointee.if_index) { Array($0) }
  }
}

extension [UInt8] {
  /// A number in host order, as a table's value has it.
  func number<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
    withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
  }
}
