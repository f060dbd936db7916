import NetISRPlugin

/// What operators may change: FreeBSD's names, and its defaults; "icmplim_peer" is our own.
struct IPSettings {
  /// Packets for others go on to them.
  var forwarding = Setting()
  /// Time to live of what is made here and names none.
  var ttl = Setting()
  /// Neighbours that send by a detour are told.
  var redirect = Setting()
  /// Answers to echo and timestamp requests that came to many stations at once.
  var bmcastecho = Setting()
  /// Error messages a second; 0: any number.
  var icmplim = Setting()
  /// Of these to one station.
  var icmplimPeer = Setting()

  init() {}

  /// [control]
  init(defining _: Void) throws(Errno) {
    forwarding = try Setting("net.inet.ip.forwarding", default: 0, in: 0...1)
    ttl = try Setting("net.inet.ip.ttl", default: 64, in: 1...255)
    redirect = try Setting("net.inet.ip.redirect", default: 1, in: 0...1)
    bmcastecho = try Setting("net.inet.icmp.bmcastecho", default: 0, in: 0...1)
    icmplim = try Setting("net.inet.icmp.icmplim", default: 200, in: 0...1_000_000)
    // A traceroute sends sixteen probes at once.
    icmplimPeer = try Setting("net.inet.icmp.icmplim_peer", default: 20, in: 0...1_000_000)
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var settings = IPSettings()
