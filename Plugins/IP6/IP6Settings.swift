import NetISRPlugin

/// What operators may change of IPv6, under FreeBSD's names.
struct IP6Settings {
  /// This host is a router: it passes on what is for others.
  var forwarding = Setting()
  /// As a router, it says so on its links (RFC 4861, section 6.2).
  var advertises = Setting()
  /// As a host, it takes router advertisements for true.
  var acceptsAdvertisements = Setting()
  /// As a router, it tells senders of better ways; as a host, it believes such.
  var sendsRedirects = Setting()
  var acceptsRedirects = Setting()
  /// Each interface has a link-local address, made of its link-level one.
  var autoLinkLocal = Setting()
  /// Probes before an address is used (RFC 4862, section 5.1); 0: none, at once.
  var dadCount = Setting()
  /// The hop limit of what is sent, where a router says no other.
  var hopLimit = Setting()
  /// ICMPv6 errors a second; -1: as many as there are reasons for.
  var errorLimit = Setting()
  /// Of these to one station; 0: as many as all together. A name of our own.
  var peerErrorLimit = Setting()

  init() {}

  /// [control]
  init(defining _: Void) throws(Errno) {
    forwarding = try Setting("net.inet6.ip6.forwarding", default: 0, in: 0...1)
    advertises = try Setting("net.inet6.ip6.rtadv", default: 0, in: 0...1)
    acceptsAdvertisements = try Setting("net.inet6.ip6.accept_rtadv", default: 1, in: 0...1)
    sendsRedirects = try Setting("net.inet6.ip6.redirect", default: 1, in: 0...1)
    acceptsRedirects = try Setting("net.inet6.icmp6.rediraccept", default: 1, in: 0...1)
    autoLinkLocal = try Setting("net.inet6.ip6.auto_linklocal", default: 1, in: 0...1)
    dadCount = try Setting("net.inet6.ip6.dad_count", default: 1, in: 0...16)
    hopLimit = try Setting("net.inet6.ip6.hlim", default: 64, in: 1...255)
    errorLimit = try Setting("net.inet6.icmp6.errppslimit", default: 100, in: -1...1_000_000)
    // A traceroute sends sixteen probes at once.
    peerErrorLimit = try Setting("net.inet6.icmp6.errppslimit_peer", default: 20, in: 0...1_000_000)
  }

  /// Whether router advertisements change anything here: routers have their routes from elsewhere.
  var isAdvised: Bool { acceptsAdvertisements.isOn && !forwarding.isOn }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var settings = IP6Settings()
