import NetISRPlugin

/// What a packet's headers have said so far: the fixed header, and the extension headers up to `offset`.
///
/// `begin` reads the fixed header, `advance` steps over extension headers until it comes to the upper layer or to a
/// fragment. Both read and never change the packet; a reason thrown is the packet's one drop.
struct HeaderChain {
  var source: IP6Address
  var destination: IP6Address
  var hopLimit: UInt8
  /// Where the packet ends, by its own length.
  var end: Int
  /// The header that comes next, where it begins, and where its number stands.
  var nextHeader: UInt8
  var offset = IP6Header.size
  var nextHeaderOffset = IP6Header.nextHeaderOffset
  /// Headers and options so far, against `HeaderLimit`.
  var headers = 0
  var options = 0
  /// Which headers were counted: each packet counts once per kind.
  private var counted: UInt16 = 0
  /// The packet has a Router Alert option (RFC 2711).
  var hasRouterAlert = false
  /// The packet came in fragments, or as an atomic one.
  var hasFragmentHeader = false
  /// What a Jumbo option said (RFC 2675).
  var jumboLength: UInt32?
  /// The group that it is for is none of this station's.
  var isForForeignGroup = false
  /// What was wrong, when a reason was thrown of which the sender is told.
  var problem: HeaderProblem?
  /// The payload length is 0, so that only a Jumbo option can say where the packet ends.
  private var awaitsJumbo = false

  /// Reads the fixed header (RFC 8200, section 3).
  ///
  /// Inlined, with all that most packets need: passed from function to function, the chain would be copied each time.
  @inline(__always)
  init(_ packet: borrowing Packet) throws(DropReason) {
    guard let header = IP6Header(packet.bytes) else { throw .tooShort }
    guard header.version == 6 else { throw .badVersion }
    source = header.source
    destination = header.destination
    hopLimit = header.hopLimit
    nextHeader = header.nextHeader
    end = IP6Header.size &+ header.payloadLength
    // What a capture cut off was there on the wire: it is not the sender's mistake.
    guard end <= packet.wireCount else { throw .tooSmall }
    if header.payloadLength == 0 && nextHeader == NextHeader.hopByHop {
      awaitsJumbo = true
      end = packet.wireCount
    }
    try Self.checkScope(header.source, header.destination)
  }

  /// Addresses that may not be on a link at all (RFC 4291, sections 2.5.2 and 2.7; IPv4-mapped: as FreeBSD does).
  @inline(__always)
  private static func checkScope(_ source: IP6Address, _ destination: IP6Address) throws(DropReason) {
    guard !source.isMulticast, !destination.isUnspecified, !source.isMappedIPv4, !destination.isMappedIPv4 else {
      throw .badScope
    }
    guard !destination.isMulticast || destination.multicastScope != 0 else { throw .badScope }
  }

  /// Goes on with a datagram that was put together: its headers up to `headerLength` were read in its fragments.
  mutating func `continue`(with whole: Reassembled) {
    end = whole.headerLength &+ whole.payloadLength
    nextHeader = whole.nextHeader
    nextHeaderOffset = whole.nextHeaderOffset
    offset = whole.headerLength
    hopLimit = whole.hopLimit
    hasFragmentHeader = true
  }

  /// Whether `advance` has anything to do: most packets have no extension headers.
  @inline(__always)
  var hasExtension: Bool { NextHeader.isExtension(nextHeader) || nextHeader == NextHeader.esp }

  /// Why `advance` stopped.
  enum Stop {
    /// `nextHeader` at `offset` is no extension header.
    case upperLayer
    /// A Fragment header stands at `offset`: the rest of the packet is a piece of a datagram.
    case fragment(FragmentHeader)
  }

  /// Steps over extension headers, and checks and counts each.
  mutating func advance(over packet: borrowing Packet) throws(DropReason) -> Stop {
    while NextHeader.isExtension(nextHeader) {
      count()
      headers &+= 1
      guard headers <= HeaderLimit.headers else { throw .tooManyHeaders }
      guard nextHeader != NextHeader.hopByHop || headers == 1 else {
        problem = HeaderProblem(HeaderProblem.nextHeader, at: nextHeaderOffset)
        throw .badOrder
      }
      let length = try headerLength(in: packet)
      switch nextHeader {
      case NextHeader.hopByHop:
        try readOptions(of: packet, from: offset &+ 2, to: offset &+ length, isHopByHop: true)
        try applyJumbo(to: packet)
      case NextHeader.destinationOptions:
        try readOptions(of: packet, from: offset &+ 2, to: offset &+ length, isHopByHop: false)
      case NextHeader.routing:
        try checkRouting(in: packet)
      case NextHeader.fragment:
        hasFragmentHeader = true
        // A payload length of 0 can't be what a fragment's is (RFC 2675, section 3).
        guard jumboLength == nil else { throw .badJumbo }
        guard let header = FragmentHeader(packet, at: offset) else { throw .snapped }
        guard header.isAtomic else { return .fragment(header) }
        unsafe counters.atomicfrags.add()
      default:
        break
      }
      guard let next = packet.u8(at: offset) else { throw .snapped }
      nextHeader = next
      nextHeaderOffset = offset
      offset &+= length
    }
    if nextHeader == NextHeader.esp { count() }
    return .upperLayer
  }

  /// What a router looks at of a packet that begins with hop-by-hop options. Its place in the chain stays as it was.
  mutating func passHopByHop(of packet: borrowing Packet) throws(DropReason) {
    count()
    let length = try headerLength(in: packet)
    try readOptions(of: packet, from: offset &+ 2, to: offset &+ length, isHopByHop: true)
    try applyJumbo(to: packet)
  }

  /// The length of the extension header at `offset`: all of it is in the payload, in the packet, and in the limit.
  private func headerLength(in packet: borrowing Packet) throws(DropReason) -> Int {
    // No extension header is shorter than 8 bytes.
    guard offset &+ 8 <= end else { throw .extensionTooShort }
    guard let lengthField = packet.u8(at: offset &+ 1) else { throw .snapped }
    let length = NextHeader.extensionLength(nextHeader, lengthField: lengthField)
    // The fixed part of an Authentication Header takes 12 (RFC 4302, section 2).
    guard length >= (nextHeader == NextHeader.ah ? 12 : 8), offset &+ length <= end else { throw .extensionTooShort }
    guard offset &+ length <= HeaderLimit.bytes else { throw .tooManyHeaders }
    guard offset &+ length <= packet.count else { throw .snapped }
    return length
  }

  /// A listener executes no routing header: with segments left the packet is not at its destination yet, and none
  /// of the types is one that this node forwards (RFC 8200, section 4.4; type 0: RFC 5095).
  private mutating func checkRouting(in packet: borrowing Packet) throws(DropReason) {
    guard let word = packet.u32(at: offset) else { throw .snapped }
    let type = UInt8(truncatingIfNeeded: word >> 8)
    let segmentsLeft = UInt8(truncatingIfNeeded: word)
    guard segmentsLeft > 0 else { return }
    problem = HeaderProblem(HeaderProblem.field, at: offset &+ 2)
    throw type == 0 ? .routing0 : .badRouting
  }

  /// After hop-by-hop options: a packet without a payload length needs the Jumbo option's (RFC 2675, section 3).
  private mutating func applyJumbo(to packet: borrowing Packet) throws(DropReason) {
    guard let jumboLength else {
      // A payload of 0 bytes has no room for the options that were just read.
      if awaitsJumbo { throw .extensionTooShort }
      return
    }
    guard awaitsJumbo, jumboLength > 65_535 else { throw .badJumbo }
    awaitsJumbo = false
    // 2^32 + 40 fits an Int.
    end = IP6Header.size &+ Int(jumboLength)
    guard end <= packet.wireCount else { throw .tooSmall }
    unsafe counters.jumbo.add()
  }

  private mutating func count() {
    let bit: UInt16
    let counter: Counter
    switch nextHeader {
    case NextHeader.hopByHop: (bit, counter) = unsafe (1, counters.hopopts)
    case NextHeader.routing: (bit, counter) = unsafe (2, counters.routing)
    case NextHeader.destinationOptions: (bit, counter) = unsafe (4, counters.dstopts)
    case NextHeader.fragment: (bit, counter) = unsafe (8, counters.fragments)
    case NextHeader.ah: (bit, counter) = unsafe (16, counters.ah)
    case NextHeader.esp: (bit, counter) = unsafe (32, counters.esp)
    case NextHeader.mobility: (bit, counter) = unsafe (64, counters.mobility)
    case NextHeader.hip: (bit, counter) = unsafe (128, counters.hip)
    case NextHeader.shim6: (bit, counter) = unsafe (256, counters.shim6)
    default: return
    }
    if counted & bit == 0 {
      counted |= bit
      counter.add()
    }
  }
}
