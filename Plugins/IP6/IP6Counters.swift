import NetISRPlugin

/// The counters of IPv6. Those of the second part are drops: each dropped packet is in exactly one of them. Those of the
/// third are drops of what goes out.
struct IP6Counters {
  /// Packets, before any check.
  var total = Counter()
  /// Packets whose header chain names this header, each packet once. A header that was named but is cut off counts too.
  var hopopts = Counter()
  var routing = Counter()
  var dstopts = Counter()
  var fragments = Counter()
  var ah = Counter()
  var esp = Counter()
  var mobility = Counter()
  var hip = Counter()
  var shim6 = Counter()
  /// Fragments that are whole packets (RFC 6946).
  var atomicfrags = Counter()
  /// Packets longer than 65,575 bytes (RFC 2675).
  var jumbo = Counter()
  /// Datagrams put together from fragments.
  var reassembled = Counter()
  /// Packets handed to ICMPv6.
  var delivered = Counter()
  /// Packets handed to who claims their protocol or port.
  var claimed = Counter()
  /// Packets passed on.
  var forward = Counter()
  /// Packets that this host has made.
  var localout = Counter()
  /// Of these: cut, and into how many pieces.
  var fragmented = Counter()
  var ofragments = Counter()

  /// Shorter than the header.
  var tooshort = Counter()
  var badvers = Counter()
  /// The payload is shorter than the header says.
  var toosmall = Counter()
  /// Addresses that no packet on a link may have (RFC 4291, section 2).
  var badscope = Counter()
  /// A header reaches beyond the payload.
  var exttooshort = Counter()
  /// More or longer headers or options than anybody needs (RFC 8504, section 5.3).
  var toomanyhdr = Counter()
  /// Hop-by-hop options that are not the first header (RFC 8200, section 4.1).
  var badorder = Counter()
  /// An option that is cut off, or whose type says to discard the packet (RFC 8200, section 4.2).
  var badoptions = Counter()
  /// A Jumbo option that contradicts the packet (RFC 2675, section 3).
  var badjumbo = Counter()
  /// A type 0 routing header with segments left (RFC 5095).
  var routing0 = Counter()
  /// Another routing header with segments left.
  var badrouting = Counter()
  /// The capture kept too little of the packet to handle it.
  var snapped = Counter()
  /// Not for this host, which is no router, or is one that may not pass it on.
  var cantforward = Counter()
  /// Fragments thrown away for what they are: duplicates, overlapping, malformed, with too long a datagram.
  var fragdropped = Counter()
  /// Fragments thrown away because others did not come within a minute.
  var fragtimeout = Counter()
  /// Fragments thrown away for want of room.
  var fragoverflow = Counter()
  /// Packets dropped because the host's memory ran out.
  var nobufs = Counter()
  /// Packets to a group of which this host is no member.
  var notmember = Counter()
  /// Packets that say that nothing follows (next header 59).
  var nonext = Counter()
  /// Packets of protocols that nobody here takes; then which ones they were.
  var noproto = Counter()
  var tcp = Counter()
  var udp = Counter()
  var udplite = Counter()
  var sctp = Counter()
  /// IPv4, IPv6 and GRE inside of IPv6.
  var encap = Counter()

  /// There is no way to the destination; of what is passed on, too.
  var noroute = Counter()
  /// Headers that can't be put in front of each piece.
  var cantfrag = Counter()
  /// Malformed, or without an address to send from.
  var odropped = Counter()
  /// Packets that an interface did not take.
  var txfailed = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    total = try Counter("ip6.total")
    hopopts = try Counter("ip6.hopopts")
    routing = try Counter("ip6.routing")
    dstopts = try Counter("ip6.dstopts")
    fragments = try Counter("ip6.fragments")
    ah = try Counter("ip6.ah")
    esp = try Counter("ip6.esp")
    mobility = try Counter("ip6.mobility")
    hip = try Counter("ip6.hip")
    shim6 = try Counter("ip6.shim6")
    atomicfrags = try Counter("ip6.atomicfrags")
    jumbo = try Counter("ip6.jumbo")
    reassembled = try Counter("ip6.reassembled")
    delivered = try Counter("ip6.delivered")
    claimed = try Counter("ip6.claimed")
    forward = try Counter("ip6.forward")
    localout = try Counter("ip6.localout")
    fragmented = try Counter("ip6.fragmented")
    ofragments = try Counter("ip6.ofragments")

    tooshort = try Counter("ip6.tooshort")
    badvers = try Counter("ip6.badvers")
    toosmall = try Counter("ip6.toosmall")
    badscope = try Counter("ip6.badscope")
    exttooshort = try Counter("ip6.exttooshort")
    toomanyhdr = try Counter("ip6.toomanyhdr")
    badorder = try Counter("ip6.badorder")
    badoptions = try Counter("ip6.badoptions")
    badjumbo = try Counter("ip6.badjumbo")
    routing0 = try Counter("ip6.routing0")
    badrouting = try Counter("ip6.badrouting")
    snapped = try Counter("ip6.snapped")
    cantforward = try Counter("ip6.cantforward")
    fragdropped = try Counter("ip6.fragdropped")
    fragtimeout = try Counter("ip6.fragtimeout")
    fragoverflow = try Counter("ip6.fragoverflow")
    nobufs = try Counter("ip6.nobufs")
    notmember = try Counter("ip6.notmember")
    nonext = try Counter("ip6.nonext")
    noproto = try Counter("ip6.noproto")
    tcp = try Counter("ip6.tcp")
    udp = try Counter("ip6.udp")
    udplite = try Counter("ip6.udplite")
    sctp = try Counter("ip6.sctp")
    encap = try Counter("ip6.encap")

    noroute = try Counter("ip6.noroute")
    cantfrag = try Counter("ip6.cantfrag")
    odropped = try Counter("ip6.odropped")
    txfailed = try Counter("ip6.txfailed")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = IP6Counters()
