import NetISRPlugin

/// The counters of igmp, after netstat(1)'s IGMP statistics.
///
/// A message whose length and checksum are right is counted by its type; if there is something wrong with it beyond
/// that, it is counted as bad, too.
struct IGMPCounters {
  /// Packets.
  var total = Counter()
  /// Packets with an IP header of another version, or of less than 20 bytes.
  var badheader = Counter()
  /// Packets that end inside of their header, messages of less than eight bytes, or not all there.
  var tooshort = Counter()
  /// Messages with a wrong checksum.
  var badsum = Counter()

  /// By type.
  var v1v2Queries = Counter()
  var v3Queries = Counter()
  var v1Reports = Counter()
  var v2Reports = Counter()
  var v3Reports = Counter()
  var leaves = Counter()
  /// DVMRP, PIM version 1, RGMP, router discovery and whatever else shares IGMP's number: not looked at.
  var other = Counter()

  /// Queries of no version, with a group that is none, or with fewer sources than they claim.
  var badqueries = Counter()
  /// Reports and leaves of a group that nobody can join, or with fewer records than they claim.
  var badreports = Counter()
  /// Records of a good report that are of such a group, or of no known kind: passed over.
  var badrecords = Counter()
  /// Messages for which memory ran out.
  var nobufs = Counter()

  /// Memberships that were new.
  var joined = Counter()
  /// Memberships that ended by what a member said.
  var left = Counter()
  /// Memberships not heard of for their lifetime.
  var timeouts = Counter()
  /// Memberships that made room for new ones.
  var evicted = Counter()
  /// New memberships for which there was no room.
  var full = Counter()

  /// Reports sent, of all versions.
  var sndReports = Counter()
  /// Leaves of version 2 sent.
  var sndLeaves = Counter()
  /// Messages that the interface did not take, or for which memory ran out.
  var sndFailed = Counter()
  /// Of the messages received: this host's own.
  var ourReports = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    total = try Counter("igmp.rcv_total")
    badheader = try Counter("igmp.rcv_badheader")
    tooshort = try Counter("igmp.rcv_tooshort")
    badsum = try Counter("igmp.rcv_badsum")
    v1v2Queries = try Counter("igmp.rcv_v1v2_queries")
    v3Queries = try Counter("igmp.rcv_v3_queries")
    v1Reports = try Counter("igmp.rcv_v1_reports")
    v2Reports = try Counter("igmp.rcv_v2_reports")
    v3Reports = try Counter("igmp.rcv_v3_reports")
    leaves = try Counter("igmp.rcv_leaves")
    other = try Counter("igmp.rcv_other")
    badqueries = try Counter("igmp.rcv_badqueries")
    badreports = try Counter("igmp.rcv_badreports")
    badrecords = try Counter("igmp.rcv_badrecords")
    nobufs = try Counter("igmp.rcv_nobufs")
    joined = try Counter("igmp.joined")
    left = try Counter("igmp.left")
    timeouts = try Counter("igmp.timeouts")
    evicted = try Counter("igmp.evicted")
    full = try Counter("igmp.full")
    sndReports = try Counter("igmp.snd_reports")
    sndLeaves = try Counter("igmp.snd_leaves")
    sndFailed = try Counter("igmp.snd_failed")
    ourReports = try Counter("igmp.rcv_ourreports")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = IGMPCounters()
