import NetISRPlugin

/// The options of a header, walked once and checked (RFC 791, section 3.1; RFC 1122, section 3.2.1.8).
///
/// An option that a host does not know is passed over by its length. One that it knows must make sense as far as a
/// reader could be led astray: a length below the option's own fields, a pointer into them, a second source route. A
/// header with such an option is dropped, as hosts and routers do (with an ICMP parameter problem where they answer).
struct IPOptions {
  /// A source route names stations that were not visited yet: the destination is not the last one.
  private(set) var isSourceRouted = false
  /// Where in the header options are that want to know which way the packet takes; 0: there are none.
  private(set) var recordRoute = 0
  private(set) var timestamp = 0

  /// What is wrong, and where: the offset in the header, as a parameter problem says it (RFC 792).
  struct Problem: Error {
    let offset: Int
  }

  /// Option numbers, with their copied bit and class.
  enum Number {
    static let end: UInt8 = 0
    static let noOperation: UInt8 = 1
    static let recordRoute: UInt8 = 7
    static let timestamp: UInt8 = 68
    static let security: UInt8 = 130
    static let looseSourceRoute: UInt8 = 131
    static let streamID: UInt8 = 136
    static let strictSourceRoute: UInt8 = 137
    static let routerAlert: UInt8 = 148
  }

  // Each of these may be there once.
  private var hasSourceRoute = false

  /// No options.
  init() {}

  /// The caller has checked that the whole header is there.
  init(of packet: borrowing Packet, _ header: IPHeader) throws(Problem) {
    var offset = IPHeader.size
    while offset < header.length {
      guard let number = packet.octet(at: offset) else { throw Problem(offset: offset) }
      if number == Number.end { return }
      if number == Number.noOperation {
        offset &+= 1
        continue
      }
      guard offset &+ 2 <= header.length, let octet = packet.octet(at: offset &+ 1) else {
        throw Problem(offset: offset)
      }
      let length = Int(octet)
      guard length >= 2, offset &+ length <= header.length else { throw Problem(offset: offset &+ 1) }
      try check(number, at: offset, length: length, in: packet)
      offset &+= length
    }
  }

  /// One option with all its bytes inside of the header.
  private mutating func check(
    _ number: UInt8, at offset: Int, length: Int, in packet: borrowing Packet
  ) throws(Problem) {
    switch number {
    case Number.recordRoute:
      guard recordRoute == 0 else { throw Problem(offset: offset) }
      recordRoute = offset
      _ = try isRouteOpen(at: offset, length: length, in: packet)
    case Number.looseSourceRoute, Number.strictSourceRoute:
      guard !hasSourceRoute else { throw Problem(offset: offset) }
      hasSourceRoute = true
      isSourceRouted = try isRouteOpen(at: offset, length: length, in: packet)
    case Number.timestamp:
      guard timestamp == 0 else { throw Problem(offset: offset) }
      timestamp = offset
      try checkTimestamp(at: offset, length: length, in: packet)
    case Number.routerAlert, Number.streamID:
      // RFC 2113, section 2.1; RFC 791. What the value says is for routers.
      guard length == 4 else { throw Problem(offset: offset &+ 1) }
    case Number.security:
      // RFC 1108, section 2: a classification level at least.
      guard length >= 3 else { throw Problem(offset: offset &+ 1) }
    default:
      break
    }
  }

  /// Whether a list of addresses has an entry at its pointer; the pointer counts from 1, the option's first byte.
  private func isRouteOpen(at offset: Int, length: Int, in packet: borrowing Packet) throws(Problem) -> Bool {
    guard length >= 3, let octet = packet.octet(at: offset &+ 2) else { throw Problem(offset: offset &+ 1) }
    let pointer = Int(octet)
    guard pointer >= 4 else { throw Problem(offset: offset &+ 2) }
    if pointer > length { return false }
    guard pointer &+ 3 <= length else { throw Problem(offset: offset &+ 2) }
    return true
  }

  private func checkTimestamp(at offset: Int, length: Int, in packet: borrowing Packet) throws(Problem) {
    guard length >= 4, length <= 40, let octet = packet.octet(at: offset &+ 2),
      let flags = packet.octet(at: offset &+ 3)
    else { throw Problem(offset: offset &+ 1) }
    let pointer = Int(octet)
    guard pointer >= 5 else { throw Problem(offset: offset &+ 2) }
    let entry: Int
    switch flags & 0xf {
    case 0: entry = 4  // timestamps
    case 1, 3: entry = 8  // addresses and timestamps, of any or of named stations
    default: throw Problem(offset: offset &+ 3)
    }
    // Full (and then the flags' other half counts who found no room), or with room for one more.
    guard pointer > length || pointer &+ entry &- 1 <= length else { throw Problem(offset: offset &+ 2) }
  }
}
