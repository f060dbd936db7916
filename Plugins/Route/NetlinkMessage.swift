import NetISRPlugin

/// A netlink message within a packet (RFC 3549, section 2.3.2; netlink(7)):
///
///     | length 4 | type 2 | flags 2 | sequence 4 | port 4 | body ... | pad to a multiple of 4 |
///
/// Checked once by `init`: header and body are inside of the packet. Numbers are in the byte order of the host that was
/// recorded.
struct NetlinkMessage {
  static let headerSize = 16

  let order: ByteOrder
  let type: UInt16
  let flags: UInt16
  /// The body: offsets in the packet.
  let start: Int
  let end: Int

  init(_ packet: borrowing Packet, at offset: Int, _ order: ByteOrder) throws(DropReason) {
    guard packet.count &- offset >= Self.headerSize else { throw .malformed }
    let length = Int(packet.u32(offset, order))
    guard length >= Self.headerSize, length <= packet.count &- offset else { throw .malformed }
    self.order = order
    type = packet.u16(offset &+ 4, order)
    flags = packet.u16(offset &+ 6, order)
    start = offset &+ Self.headerSize
    end = offset &+ length
  }

  /// Where the next message begins: behind the pad.
  var next: Int { align(end) }

  /// Sent to the kernel, and not by it.
  var isRequest: Bool { flags & 0x1 != 0 }
  /// Of a request: for all there is (NLM_F_ROOT, NLM_F_MATCH).
  var isDump: Bool { flags & 0x300 != 0 }
  /// What was told is not all (NLM_F_DUMP_INTR).
  var isInterrupted: Bool { flags & 0x10 != 0 }
  /// Of a notification: in the place of what was there (NLM_F_REPLACE, the same bit as NLM_F_ROOT).
  var isReplacement: Bool { flags & 0x100 != 0 }

  /// Of a notification: before others that were there (NLM_F_CREATE, without NLM_F_APPEND, and without NLM_F_EXCL, with
  /// which it is the first).
  var isPrepended: Bool { flags & 0xe00 == 0x400 }

  /// The attributes behind the fixed part of the body, `size` bytes long.
  func attributes(behind size: Int) throws(DropReason) -> Attributes {
    guard end &- start >= size else { throw .malformed }
    return Attributes(start: start &+ size, end: end, order: order)
  }
}

/// Messages and attributes begin at multiples of 4, counted from the packet's first byte.
func align(_ offset: Int) -> Int { (offset &+ 3) & ~3 }

/// The order of the bytes in the recorded host's numbers.
enum ByteOrder {
  case little
  case big

  /// That of a packet: in the other one, the length of the first message would be no length. Two lengths that are good
  /// both ways round would be above 65,535; the kernel's dumps end a packet at half of that.
  init(of packet: borrowing Packet) {
    let raw = packet.load(at: 0, initial: UInt32(0)) ?? 0
    let little = Int(UInt32(littleEndian: raw))
    let big = Int(UInt32(bigEndian: raw))
    func isLength(_ value: Int) -> Bool { value >= NetlinkMessage.headerSize && value <= packet.count }
    self = isLength(big) && !isLength(little) ? .big : .little
  }
}

extension Packet {
  /// A number at `offset`. Callers have checked that it is there; it reads as 0 where it is not.
  func u8(_ offset: Int) -> UInt8 { load(at: offset, initial: UInt8(0)) ?? 0 }

  func u16(_ offset: Int, _ order: ByteOrder) -> UInt16 {
    let raw = load(at: offset, initial: UInt16(0)) ?? 0
    return order == .big ? UInt16(bigEndian: raw) : UInt16(littleEndian: raw)
  }

  func u32(_ offset: Int, _ order: ByteOrder) -> UInt32 {
    let raw = load(at: offset, initial: UInt32(0)) ?? 0
    return order == .big ? UInt32(bigEndian: raw) : UInt32(littleEndian: raw)
  }
}

/// The types of messages, of netlink itself and of NETLINK_ROUTE (rtnetlink(7)).
enum MessageType {
  static let noop: UInt16 = 1
  static let error: UInt16 = 2
  static let done: UInt16 = 3
  static let overrun: UInt16 = 4
  static let newLink: UInt16 = 16
  static let delLink: UInt16 = 17
  static let getLink: UInt16 = 18
  static let setLink: UInt16 = 19
  static let newAddress: UInt16 = 20
  static let delAddress: UInt16 = 21
  static let getAddress: UInt16 = 22
  static let newRoute: UInt16 = 24
  static let delRoute: UInt16 = 25
  static let getRoute: UInt16 = 26
  static let newNeighbour: UInt16 = 28
  static let delNeighbour: UInt16 = 29
  static let getNeighbour: UInt16 = 30
  static let newRule: UInt16 = 32
  static let delRule: UInt16 = 33
  static let getRule: UInt16 = 34
  static let newNetconf: UInt16 = 80
  static let delNetconf: UInt16 = 81
  static let getNetconf: UInt16 = 82
}
