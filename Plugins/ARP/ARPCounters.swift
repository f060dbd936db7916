import NetISRPlugin

/// The counters of arp, after netstat(1)'s ARP statistics.
///
/// Each packet received is one of the operations (or too short to have one), and then either taught something, or
/// had nothing to teach, or was refused: `badlen` by its lengths, `dropped` by its content, with the reason below.
struct ARPCounters {
  /// Packets.
  var received = Counter()
  /// By operation, of every packet whose header is whole.
  var rxrequests = Counter()
  var rxreplies = Counter()
  /// RARP (RFC 903), InARP (RFC 2390), or no known operation: nothing is learned from them.
  var rxother = Counter()
  /// Messages sent; probes and announcements are requests.
  var txrequests = Counter()
  var txreplies = Counter()
  var txprobes = Counter()
  var txannounces = Counter()
  /// Announcements because another station claimed an address.
  var defended = Counter()
  /// Messages, and packets handed over to be sent, that the interface did not take.
  var txfailed = Counter()

  /// Packets that had to wait for their neighbour's address.
  var held = Counter()
  /// Of these: dropped, because too many waited, or because nobody answered.
  var holdfull = Counter()
  var unreachable = Counter()

  /// Requests that ask whether an address is free (RFC 5227): nothing is learned from them.
  var probes = Counter()
  /// Neighbours that were new.
  var learned = Counter()
  /// Neighbours that came to another link-level address.
  var moved = Counter()
  /// Neighbours not heard of for their lifetime.
  var timeouts = Counter()
  /// Neighbours that made room for new ones.
  var evicted = Counter()

  /// Wrong address lengths, or fewer bytes than these ask for.
  var badlen = Counter()
  /// Packets refused by content; the sum of those below.
  var dropped = Counter()
  /// Hardware types other than Ethernet and IEEE 802.
  var badhrd = Counter()
  /// Protocol types other than IPv4.
  var badpro = Counter()
  /// Senders with an address that no station can have.
  var badaddr = Counter()
  /// Other stations that claim an address of the receiving interface.
  var dupip = Counter()
  /// New neighbours for which there was no room.
  var full = Counter()
  /// Packets for which memory ran out.
  var nobufs = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    received = try Counter("arp.received")
    rxrequests = try Counter("arp.rxrequests")
    rxreplies = try Counter("arp.rxreplies")
    rxother = try Counter("arp.rxother")
    txrequests = try Counter("arp.txrequests")
    txreplies = try Counter("arp.txreplies")
    txprobes = try Counter("arp.txprobes")
    txannounces = try Counter("arp.txannounces")
    defended = try Counter("arp.defended")
    txfailed = try Counter("arp.txfailed")
    held = try Counter("arp.held")
    holdfull = try Counter("arp.holdfull")
    unreachable = try Counter("arp.unreachable")
    probes = try Counter("arp.probes")
    learned = try Counter("arp.learned")
    moved = try Counter("arp.moved")
    timeouts = try Counter("arp.timeouts")
    evicted = try Counter("arp.evicted")
    badlen = try Counter("arp.badlen")
    dropped = try Counter("arp.dropped")
    badhrd = try Counter("arp.badhrd")
    badpro = try Counter("arp.badpro")
    badaddr = try Counter("arp.badaddr")
    dupip = try Counter("arp.dupip")
    full = try Counter("arp.full")
    nobufs = try Counter("arp.nobufs")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = ARPCounters()
