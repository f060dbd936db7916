import NetISRPlugin

/// The counters of ether, after netstat(1)'s link-level statistics.
///
/// Each frame is counted once in `total`, and once by what became of it: `ip`, `ip6`, `arp`, or the reason it went no
/// further. `vlan` and `llc` tell how the payload was wrapped.
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
  /// 802.3 lengths of more than the frame had on the wire, or than IEEE 802.3 allows, or of less than LLC's header.
  var badlen = Counter()
  /// Frames for which memory ran out.
  var nobufs = Counter()

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
    badlen = try Counter("ether.badlen")
    nobufs = try Counter("ether.nobufs")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = EtherCounters()
