import NetISRPlugin

/// The counters of ether, after netstat(1)'s link-level statistics.
struct EtherCounters {
  /// Frames.
  var total = Counter()
  /// By payload.
  var ip = Counter()
  var ip6 = Counter()
  var arp = Counter()
  /// Frames with at least one tag.
  var vlan = Counter()
  /// 802.3 frames with LLC.
  var llc = Counter()
  /// Payloads of no protocol here.
  var noproto = Counter()
  /// Frames that end inside their link headers.
  var tooshort = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    total = try Counter("ether.total")
    ip = try Counter("ether.ip")
    ip6 = try Counter("ether.ip6")
    arp = try Counter("ether.arp")
    vlan = try Counter("ether.vlan")
    llc = try Counter("ether.llc")
    noproto = try Counter("ether.noproto")
    tooshort = try Counter("ether.tooshort")
  }
}

/// Written once, during registration, before any packet.
nonisolated(unsafe) var counters = EtherCounters()
