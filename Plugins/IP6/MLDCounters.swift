import NetISRPlugin

/// The counters of this station's own part in Multicast Listener Discovery. What it hears is counted by `icmp6`.
struct MLDCounters {
  /// Queries taken, by version.
  var rcv_v1_queries = Counter()
  var rcv_v2_queries = Counter()
  /// Reports of version 2 sent, each with any number of groups.
  var snd_reports = Counter()
  /// Messages of version 1 sent.
  var snd_v1_reports = Counter()
  var snd_dones = Counter()
  /// Answers of version 1 that somebody else has given.
  var suppressed = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    rcv_v1_queries = try Counter("mld.rcv_v1_queries")
    rcv_v2_queries = try Counter("mld.rcv_v2_queries")
    snd_reports = try Counter("mld.snd_reports")
    snd_v1_reports = try Counter("mld.snd_v1_reports")
    snd_dones = try Counter("mld.snd_dones")
    suppressed = try Counter("mld.suppressed")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var mldCounters = MLDCounters()
