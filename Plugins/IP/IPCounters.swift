import NetISRPlugin

/// The counters of ip, after FreeBSD's `struct ipstat`.
///
/// They add up: `total` + `reassembled` = the drops of whole packets + `fragments` + `delivered` + `noproto` +
/// `forward`; every one of the `fragments` is held, was dropped (`fragdropped`, `fragtimeout`), or became part of a
/// datagram; and of `localout`, what is not in `odropped` was sent, or came back to this host.
struct IPCounters {
  /// Packets handed in, before any check.
  var total = Counter()

  // MARK: Drops, in the order of the checks

  /// Less than 20 bytes, or the capture ends inside of the header.
  var tooshort = Counter()
  /// Another version than 4.
  var badvers = Counter()
  /// A header of less than five words, or one longer than the packet.
  var badhlen = Counter()
  /// The header checksum is wrong.
  var badsum = Counter()
  /// A total length of less than the header, or of more than the packet.
  var badlen = Counter()
  /// Options that contradict themselves or run out of the header.
  var badoptions = Counter()
  /// An address that must not be seen on a wire: loopback, or a group as the source.
  var badaddr = Counter()
  /// In a frame for another station.
  var otherhost = Counter()
  /// For another host, and not forwarded.
  var cantforward = Counter()

  // MARK: What is in the packets

  /// Headers with options.
  var options = Counter()
  /// Fragments whose headers were right.
  var fragments = Counter()
  /// Datagrams put together.
  var reassembled = Counter()
  /// Fragments dropped: duplicates, malformed or contradictory ones with what was held of their datagram, and those
  /// for which there was no room.
  var fragdropped = Counter()
  /// Fragments dropped because the rest of their datagram did not come in time.
  var fragtimeout = Counter()
  /// Fragments that brought bytes which were there already. Not a drop by itself.
  var fragoverlap = Counter()

  // MARK: Where whole datagrams went

  /// Handed to an upper layer.
  var delivered = Counter()
  /// Of a protocol that nobody takes here.
  var noproto = Counter()
  /// Forwarded.
  var forward = Counter()
  /// Made in this host, and given to be sent: answers too.
  var localout = Counter()

  // MARK: Output

  /// Datagrams cut into fragments, and the fragments that were made of them.
  var fragmented = Counter()
  var ofragments = Counter()
  /// Too long for the next link, and not to be cut.
  var cantfrag = Counter()
  /// There was no route.
  var noroute = Counter()
  /// Given back by address resolution: nobody answered for the next hop.
  var hostunreach = Counter()
  /// Made in this host, and not sent.
  var odropped = Counter()
  /// Neighbours told of a shorter way.
  var redirectsent = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    total = try Counter("ip.total")
    tooshort = try Counter("ip.tooshort")
    badvers = try Counter("ip.badvers")
    badhlen = try Counter("ip.badhlen")
    badsum = try Counter("ip.badsum")
    badlen = try Counter("ip.badlen")
    badoptions = try Counter("ip.badoptions")
    badaddr = try Counter("ip.badaddr")
    otherhost = try Counter("ip.otherhost")
    cantforward = try Counter("ip.cantforward")
    options = try Counter("ip.options")
    fragments = try Counter("ip.fragments")
    reassembled = try Counter("ip.reassembled")
    fragdropped = try Counter("ip.fragdropped")
    fragtimeout = try Counter("ip.fragtimeout")
    fragoverlap = try Counter("ip.fragoverlap")
    delivered = try Counter("ip.delivered")
    noproto = try Counter("ip.noproto")
    forward = try Counter("ip.forward")
    localout = try Counter("ip.localout")
    fragmented = try Counter("ip.fragmented")
    ofragments = try Counter("ip.ofragments")
    cantfrag = try Counter("ip.cantfrag")
    noroute = try Counter("ip.noroute")
    hostunreach = try Counter("ip.hostunreach")
    odropped = try Counter("ip.odropped")
    redirectsent = try Counter("ip.redirectsent")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = IPCounters()

/// Why a packet goes no further: one case for each counter of drops that the header's checks lead to.
enum DropReason: Error {
  case tooShort
  case badVersion
  case badHeaderLength
  case badChecksum
  case badLength
  case badOptions
  case badAddress
  case otherHost
  case cantForward

  func count() {
    switch self {
    case .tooShort: unsafe counters.tooshort.add()
    case .badVersion: unsafe counters.badvers.add()
    case .badHeaderLength: unsafe counters.badhlen.add()
    case .badChecksum: unsafe counters.badsum.add()
    case .badLength: unsafe counters.badlen.add()
    case .badOptions: unsafe counters.badoptions.add()
    case .badAddress: unsafe counters.badaddr.add()
    case .otherHost: unsafe counters.otherhost.add()
    case .cantForward: unsafe counters.cantforward.add()
    }
  }
}
