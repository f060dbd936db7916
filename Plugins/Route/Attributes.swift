import NetISRPlugin

/// The attributes of a message, or those nested in an attribute (rtnetlink(7)): length and type, two bytes each, a
/// value, and a pad to a multiple of 4. Each step goes on by at least four bytes, and stays inside of its bounds.
struct Attributes {
  private var offset: Int
  private let end: Int
  private let order: ByteOrder

  /// From `start` to `end`, offsets in the packet.
  init(start: Int, end: Int, order: ByteOrder) {
    offset = start
    self.end = end
    self.order = order
  }

  /// The next attribute; nil behind the last one.
  mutating func next(_ packet: borrowing Packet) throws(DropReason) -> Attribute? {
    let left = end &- offset
    guard left > 0 else { return nil }
    guard left >= Attribute.headerSize else { throw .malformed }
    let length = Int(packet.u16(offset, order))
    guard length >= Attribute.headerSize, length <= left else { throw .malformed }
    // The two upper bits say how the value is made, not what it is.
    let type = packet.u16(offset &+ 2, order) & 0x3fff
    let attribute = Attribute(
      type: type, start: offset &+ Attribute.headerSize, count: length &- Attribute.headerSize, order: order)
    // An offset is a multiple of 4 from the packet's start, as messages and fixed parts are.
    offset = offset &+ align(length)
    return attribute
  }
}

/// One attribute, inside of the packet.
struct Attribute {
  static let headerSize = 4

  let type: UInt16
  /// The value: where it begins, and its bytes.
  let start: Int
  let count: Int
  let order: ByteOrder

  /// A value of four bytes.
  func u32(_ packet: borrowing Packet) throws(DropReason) -> UInt32 {
    guard count >= 4 else { throw .malformed }
    return packet.u32(start, order)
  }

  /// An address of `family`.
  func address(_ packet: borrowing Packet, _ family: Family) throws(DropReason) -> RouteAddress {
    guard count == family.addressSize else { throw .malformed }
    return packet.address(start, family)
  }

  /// The attributes nested in this one.
  var nested: Attributes { Attributes(start: start, end: start &+ count, order: order) }

  /// Checks the bounds of what is nested.
  func checkNested(_ packet: borrowing Packet) throws(DropReason) {
    var nested = nested
    while try nested.next(packet) != nil {}
  }
}

/// The families of which state is kept.
enum Family {
  case inet
  case inet6

  /// Of an AF_ number of Linux; nil for another family.
  init?(_ number: UInt8) {
    switch number {
    case 2: self = .inet
    case 10: self = .inet6
    default: return nil
    }
  }

  var addressSize: Int { self == .inet ? 4 : 16 }
  var addressBits: UInt8 { self == .inet ? 32 : 128 }
  /// As in ifnet.h, and in the tables here.
  var number: UInt8 { self == .inet ? 4 : 6 }
}

extension Packet {
  /// An address at `offset`, which the caller has checked.
  func address(_ offset: Int, _ family: Family) -> RouteAddress {
    switch family {
    case .inet: RouteAddress(load(at: offset, initial: UInt32(0)) ?? 0)
    case .inet6: load(at: offset, initial: RouteAddress()) ?? RouteAddress()
    }
  }
}

extension RouteAddress {
  /// The first `length` bits; the others 0.
  func masked(to length: UInt8) -> RouteAddress {
    func word(_ word: UInt32, _ first: Int) -> UInt32 {
      let bits = Int(length) &- first
      if bits <= 0 { return 0 }
      if bits >= 32 { return word }
      return (UInt32(bigEndian: word) & ~(UInt32.max >> UInt32(truncatingIfNeeded: bits))).bigEndian
    }
    return RouteAddress(word(word0, 0), word(word1, 32), word(word2, 64), word(word3, 96))
  }
}
