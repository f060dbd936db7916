import NetISRPlugin

/// The counters of udp, after FreeBSD's `struct udpstat`: datagrams on interfaces that do more than listen, and those of
/// captures that somebody takes.
struct UDPCounters {
  var total = Counter()
  /// Less than a header.
  var tooshort = Counter()
  /// A length below the header's, or beyond the datagram.
  var badlen = Counter()
  /// The checksum is wrong; and there was none.
  var badsum = Counter()
  var nosum = Counter()
  /// For a port that nobody has; of these, sent to many stations.
  var noport = Counter()
  var noportbcast = Counter()
  /// Handed to whoever has claimed the port, or the protocol.
  var delivered = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    total = try Counter("udp.total")
    tooshort = try Counter("udp.tooshort")
    badlen = try Counter("udp.badlen")
    badsum = try Counter("udp.badsum")
    nosum = try Counter("udp.nosum")
    noport = try Counter("udp.noport")
    noportbcast = try Counter("udp.noportbcast")
    delivered = try Counter("udp.delivered")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var udpCounters = UDPCounters()
