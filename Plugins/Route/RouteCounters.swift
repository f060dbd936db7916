import NetISRPlugin

/// The counters of route.
///
/// `messages` is the sum of the counters by type. Of the messages NEW and DEL of links, addresses, routes and
/// neighbours, each ends in one of adds, changes, deletes, absent, requests, ignored, full and malformed.
struct RouteCounters {
  /// Messages whose header fits.
  var messages = Counter()
  /// Made something known.
  var adds = Counter()
  /// Replaced something known.
  var changes = Counter()
  /// Took something away.
  var deletes = Counter()
  /// Would have taken away what was not known.
  var absent = Counter()
  /// What somebody asked the kernel to do, and the kernel has not said yet that it did.
  var requests = Counter()
  /// About something that is not kept: other families, bridges, proxies, cached routes.
  var ignored = Counter()
  /// The table had no room.
  var full = Counter()
  /// Lengths that contradict each other; and bytes that are no message.
  var malformed = Counter()
  /// Destinations asked for.
  var lookups = Counter()
  /// Of those, the ones without a route.
  var misses = Counter()
  /// Changes that a subscriber has lost.
  var lost = Counter()
  /// By type.
  var types = TypeCounters()

  init() {}

  init(defining _: Void) throws(Errno) {
    messages = try Counter("route.messages")
    adds = try Counter("route.adds")
    changes = try Counter("route.changes")
    deletes = try Counter("route.deletes")
    absent = try Counter("route.absent")
    requests = try Counter("route.requests")
    ignored = try Counter("route.ignored")
    full = try Counter("route.full")
    malformed = try Counter("route.malformed")
    lookups = try Counter("route.lookups")
    misses = try Counter("route.misses")
    lost = try Counter("route.lost")
    types = try TypeCounters(defining: ())
  }
}

/// Messages by type: each message counts in one of these.
struct TypeCounters {
  var noop = Counter()
  var error = Counter()
  var done = Counter()
  var overrun = Counter()
  var newlink = Counter()
  var dellink = Counter()
  var getlink = Counter()
  var setlink = Counter()
  var newaddr = Counter()
  var deladdr = Counter()
  var getaddr = Counter()
  var newroute = Counter()
  var delroute = Counter()
  var getroute = Counter()
  var newneigh = Counter()
  var delneigh = Counter()
  var getneigh = Counter()
  var newrule = Counter()
  var delrule = Counter()
  var getrule = Counter()
  var newnetconf = Counter()
  var delnetconf = Counter()
  var getnetconf = Counter()
  var other = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    noop = try Counter("route.noop")
    error = try Counter("route.error")
    done = try Counter("route.done")
    overrun = try Counter("route.overrun")
    newlink = try Counter("route.newlink")
    dellink = try Counter("route.dellink")
    getlink = try Counter("route.getlink")
    setlink = try Counter("route.setlink")
    newaddr = try Counter("route.newaddr")
    deladdr = try Counter("route.deladdr")
    getaddr = try Counter("route.getaddr")
    newroute = try Counter("route.newroute")
    delroute = try Counter("route.delroute")
    getroute = try Counter("route.getroute")
    newneigh = try Counter("route.newneigh")
    delneigh = try Counter("route.delneigh")
    getneigh = try Counter("route.getneigh")
    newrule = try Counter("route.newrule")
    delrule = try Counter("route.delrule")
    getrule = try Counter("route.getrule")
    newnetconf = try Counter("route.newnetconf")
    delnetconf = try Counter("route.delnetconf")
    getnetconf = try Counter("route.getnetconf")
    other = try Counter("route.other")
  }

  /// The counter of a type.
  subscript(type: UInt16) -> Counter {
    switch type {
    case MessageType.noop: noop
    case MessageType.error: error
    case MessageType.done: done
    case MessageType.overrun: overrun
    case MessageType.newLink: newlink
    case MessageType.delLink: dellink
    case MessageType.getLink: getlink
    case MessageType.setLink: setlink
    case MessageType.newAddress: newaddr
    case MessageType.delAddress: deladdr
    case MessageType.getAddress: getaddr
    case MessageType.newRoute: newroute
    case MessageType.delRoute: delroute
    case MessageType.getRoute: getroute
    case MessageType.newNeighbour: newneigh
    case MessageType.delNeighbour: delneigh
    case MessageType.getNeighbour: getneigh
    case MessageType.newRule: newrule
    case MessageType.delRule: delrule
    case MessageType.getRule: getrule
    case MessageType.newNetconf: newnetconf
    case MessageType.delNetconf: delnetconf
    case MessageType.getNetconf: getnetconf
    default: other
    }
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = RouteCounters()

/// Why a message changes nothing.
enum DropReason: Error {
  case malformed
  case ignored
  case full

  func count() {
    switch self {
    case .malformed: unsafe counters.malformed.add()
    case .ignored: unsafe counters.ignored.add()
    case .full: unsafe counters.full.add()
    }
  }
}

/// What a message came to.
enum Change {
  case added
  case changed
  case deleted
  case absent

  func count() {
    switch self {
    case .added: unsafe counters.adds.add()
    case .changed: unsafe counters.changes.add()
    case .deleted: unsafe counters.deletes.add()
    case .absent: unsafe counters.absent.add()
    }
  }
}
