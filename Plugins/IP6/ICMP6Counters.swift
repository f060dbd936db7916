import NetISRPlugin

/// The counters of ICMPv6. A message is counted by its type once its length and its checksum are right; the drops
/// of Neighbor Discovery and MLD come on top of that.
struct ICMP6Counters {
  var unreach = Counter()
  var toobig = Counter()
  var timxceed = Counter()
  var paramprob = Counter()
  var echo = Counter()
  var echoreply = Counter()
  var mld_query = Counter()
  var mld_report = Counter()
  var mld_done = Counter()
  var mld2_report = Counter()
  var router_solicit = Counter()
  var router_advert = Counter()
  var nd_solicit = Counter()
  var nd_advert = Counter()
  var redirect = Counter()
  /// Types that nobody here knows: node information, RPL, ...
  var others = Counter()

  /// Drops: shorter than its type's fixed part.
  var tooshort = Counter()
  var badsum = Counter()
  /// Not whole in the capture: counted by its type, but its checksum can't be checked, so that nothing is learned from it.
  var snapped = Counter()
  /// Neighbor Discovery messages that RFC 4861 or RFC 6980 calls invalid.
  var nd_bad = Counter()
  /// MLD messages that RFC 2710 or RFC 3810 calls invalid.
  var mld_bad = Counter()

  /// Neighbours and memberships that nobody confirmed any more, and those that made room for others.
  var nd_timeout = Counter()
  var nd_evicted = Counter()
  var mld_timeout = Counter()
  var mld_evicted = Counter()

  /// Echo requests answered.
  var reflect = Counter()
  /// Errors sent, by type; then those that were one too many in their second.
  var snd_unreach = Counter()
  var snd_toobig = Counter()
  var snd_timxceed = Counter()
  var snd_paramprob = Counter()
  var toofreq = Counter()
  /// Messages of Neighbor Discovery sent.
  var snd_redirect = Counter()
  var snd_router_solicit = Counter()
  var snd_router_advert = Counter()
  var snd_nd_solicit = Counter()
  var snd_nd_advert = Counter()
  /// Packets that had to wait for their neighbour's address; of these dropped, because too many waited, or because nobody
  /// answered.
  var nd_held = Counter()
  var nd_holdfull = Counter()
  var nd_unreachable = Counter()
  /// Messages of others that claimed an address of this station's.
  var duplicates = Counter()
  /// Path MTUs that became less.
  var pmtuchg = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    unreach = try Counter("icmp6.unreach")
    toobig = try Counter("icmp6.toobig")
    timxceed = try Counter("icmp6.timxceed")
    paramprob = try Counter("icmp6.paramprob")
    echo = try Counter("icmp6.echo")
    echoreply = try Counter("icmp6.echoreply")
    mld_query = try Counter("icmp6.mld_query")
    mld_report = try Counter("icmp6.mld_report")
    mld_done = try Counter("icmp6.mld_done")
    mld2_report = try Counter("icmp6.mld2_report")
    router_solicit = try Counter("icmp6.router_solicit")
    router_advert = try Counter("icmp6.router_advert")
    nd_solicit = try Counter("icmp6.nd_solicit")
    nd_advert = try Counter("icmp6.nd_advert")
    redirect = try Counter("icmp6.redirect")
    others = try Counter("icmp6.others")
    tooshort = try Counter("icmp6.tooshort")
    badsum = try Counter("icmp6.badsum")
    snapped = try Counter("icmp6.snapped")
    nd_bad = try Counter("icmp6.nd_bad")
    mld_bad = try Counter("icmp6.mld_bad")
    nd_timeout = try Counter("icmp6.nd_timeout")
    nd_evicted = try Counter("icmp6.nd_evicted")
    mld_timeout = try Counter("icmp6.mld_timeout")
    mld_evicted = try Counter("icmp6.mld_evicted")
    reflect = try Counter("icmp6.reflect")
    snd_unreach = try Counter("icmp6.snd_unreach")
    snd_toobig = try Counter("icmp6.snd_toobig")
    snd_timxceed = try Counter("icmp6.snd_timxceed")
    snd_paramprob = try Counter("icmp6.snd_paramprob")
    toofreq = try Counter("icmp6.toofreq")
    snd_redirect = try Counter("icmp6.snd_redirect")
    snd_router_solicit = try Counter("icmp6.snd_router_solicit")
    snd_router_advert = try Counter("icmp6.snd_router_advert")
    snd_nd_solicit = try Counter("icmp6.snd_nd_solicit")
    snd_nd_advert = try Counter("icmp6.snd_nd_advert")
    nd_held = try Counter("icmp6.nd_held")
    nd_holdfull = try Counter("icmp6.nd_holdfull")
    nd_unreachable = try Counter("icmp6.nd_unreachable")
    duplicates = try Counter("icmp6.duplicates")
    pmtuchg = try Counter("icmp6.pmtuchg")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var icmp6Counters = ICMP6Counters()
