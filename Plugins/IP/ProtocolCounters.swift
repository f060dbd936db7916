import NetISRPlugin

/// Whole datagrams by the protocol that they carry, whether or not somebody takes them.
struct ProtocolCounters {
  var icmp = Counter()
  var igmp = Counter()
  var ipip = Counter()
  var tcp = Counter()
  var udp = Counter()
  var dccp = Counter()
  var ipv6 = Counter()
  var rsvp = Counter()
  var gre = Counter()
  var esp = Counter()
  var ah = Counter()
  var eigrp = Counter()
  var ospf = Counter()
  var pim = Counter()
  var vrrp = Counter()
  var l2tp = Counter()
  var sctp = Counter()
  var udplite = Counter()
  /// All others.
  var other = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    icmp = try Counter("ip.icmp")
    igmp = try Counter("ip.igmp")
    ipip = try Counter("ip.ipip")
    tcp = try Counter("ip.tcp")
    udp = try Counter("ip.udp")
    dccp = try Counter("ip.dccp")
    ipv6 = try Counter("ip.ipv6")
    rsvp = try Counter("ip.rsvp")
    gre = try Counter("ip.gre")
    esp = try Counter("ip.esp")
    ah = try Counter("ip.ah")
    eigrp = try Counter("ip.eigrp")
    ospf = try Counter("ip.ospf")
    pim = try Counter("ip.pim")
    vrrp = try Counter("ip.vrrp")
    l2tp = try Counter("ip.l2tp")
    sctp = try Counter("ip.sctp")
    udplite = try Counter("ip.udplite")
    other = try Counter("ip.otherproto")
  }

  /// Counts a datagram. The numbers are IANA's.
  func count(_ protocolNumber: UInt8) {
    switch protocolNumber {
    case 1: icmp.add()
    case 2: igmp.add()
    case 4: ipip.add()
    case 6: tcp.add()
    case 17: udp.add()
    case 33: dccp.add()
    case 41: ipv6.add()
    case 46: rsvp.add()
    case 47: gre.add()
    case 50: esp.add()
    case 51: ah.add()
    case 88: eigrp.add()
    case 89: ospf.add()
    case 103: pim.add()
    case 112: vrrp.add()
    case 115: l2tp.add()
    case 132: sctp.add()
    case 136: udplite.add()
    default: other.add()
    }
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var protocolCounters = ProtocolCounters()
