import NetISRPlugin

/// The value of `ip6.links`, whose key is an interface's index: what routers have said of its link, and what is to be said
/// there. 48 bytes, without padding.
struct Link: BitwiseCopyable {
  /// Of router advertisements (RFC 4861, section 6.3.4); 0: nothing said. Bytes, milliseconds, milliseconds.
  var mtu: UInt32 = 0
  var reachable: UInt32 = 0
  var retransmission: UInt32 = 0
  var hopLimit: UInt8 = 0
  /// Router solicitations so far.
  var solicitations: UInt8 = 0
  /// Of multicast queries: how often a report is sent, lest one is lost (RFC 3810, section 9.1).
  var robustness: UInt8 = Self.defaultRobustness
  /// It is being asked for routers.
  var isSoliciting: UInt8 = 0
  /// Ticks until the next router solicitation.
  var ticks: UInt32 = 0
  /// Seconds between a querier's queries.
  var queryInterval: UInt32 = Self.defaultQueryInterval
  /// Seconds for which an old querier is believed to be there (RFC 3810, section 8.2.1).
  var oldQuerier: UInt32 = 0
  /// Ticks until a general query is answered; 0: none is.
  var response: UInt32 = 0
  /// As a router: seconds until the next advertisement, how many there were, and how long no other may be sent.
  var advertising: UInt32 = 0
  var advertisements: UInt32 = 0
  var advertised: UInt32 = 0
  /// A router no more: how often that is still to be said.
  var farewells: UInt32 = 0

  static let defaultRobustness: UInt8 = 2
  static let defaultQueryInterval: UInt32 = 125
  /// RFC 4861, section 10, in ticks and in milliseconds.
  static let solicitationLimit: UInt8 = 3
  static let solicitationInterval = 4 * Timer.second
  static let defaultReachable: UInt32 = 30_000
  static let defaultRetransmission: UInt32 = 1000

  init() {}

  /// Ticks between two solicitations of a neighbour.
  var retransmissionTicks: UInt32 {
    let milliseconds = retransmission == 0 ? Self.defaultRetransmission : retransmission
    return min(max(milliseconds / 100, 1), 600)
  }
}

/// The links of this station: `ip6.links`.
struct Links {
  private var table = Table<UInt32, Link>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "ip6.links", maxEntries: 4096,
      format: """
        interface:u32 = mtu:u32 reachable_ms:u32 retransmission_ms:u32 hop_limit:u8 solicitations:u8 robustness:u8 \
        soliciting:u8 ticks:u32 query_interval:u32 old_querier:u32 response:u32 advertising:u32 advertisements:u32 \
        advertised:u32 farewells:u32
        """)
  }

  func count(vnet: UInt32) -> Int { table.count(vnet: vnet) }

  func lookup(_ interface: Interface) -> Link {
    table.lookup(interface.index, vnet: interface.vnet, initial: Link()) ?? Link()
  }

  /// Bytes that a packet may have there, by the device and by the routers (RFC 8200: no less than 1,280 is of use).
  func mtu(of interface: Interface) -> Int {
    let mtu = interface.mtu
    let said = Int(lookup(interface).mtu)
    return said >= IP6Header.minimumMTU && said < mtu ? said : mtu
  }

  /// Changes what is known of a link that is there.
  func apply(_ change: LinkChange, to interface: Interface) {
    var visitor = LinkVisitor(change: change)
    _ = table.update(interface.index, vnet: interface.vnet, with: &visitor)
  }

  /// A link that is up; what is known of it stays.
  func add(_ interface: Interface) { apply(.add, to: interface) }

  /// Has a link asked for routers, soon (RFC 4861, section 6.3.7).
  func solicit(on interface: Interface) {
    guard unsafe settings.isAdvised else { return }
    let ticks = Chance.ticks(upTo: Timer.second, 1, on: interface)
    apply(.solicit(ticks: ticks), to: interface)
    unsafe timer.arm()
  }

  /// Forgets links that are down, or gone.
  func forgetStrangers(vnet: UInt32) {
    guard table.count(vnet: vnet) > 0 else { return }
    table.sweep(vnet: vnet) { index, _ in
      let isThere = Interface(index: index).map { $0.speaksIP6 && $0.vnet == vnet } ?? false
      return isThere ? .keep : .remove
    }
  }

  // MARK: Time

  /// A tenth of a second has passed in a vnet. Whether another tick is needed.
  func tick(vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    var due = InlineArray<32, UInt32>(repeating: 0)
    var answers: UInt32 = 0
    var count = 0
    var isBusy = false
    let isAdvised = unsafe settings.isAdvised
    table.sweep(vnet: vnet) { index, link in
      if link.isSoliciting == 0 && link.response == 0 { return .keep }
      isBusy = true
      // More than can be remembered: in the next tick.
      guard count < due.count else { return .keep }
      var isDue = false
      if link.response > 0 {
        link.response &-= 1
        if link.response == 0 {
          answers |= 1 << UInt32(truncatingIfNeeded: count)
          isDue = true
        }
      }
      if link.isSoliciting == 1 && !isDue {
        if link.ticks > 1 {
          link.ticks &-= 1
        } else if link.solicitations < Link.solicitationLimit && isAdvised {
          link.solicitations &+= 1
          link.ticks = Link.solicitationInterval
          isDue = true
        } else {
          link.isSoliciting = 0
        }
      }
      if isDue {
        due[count] = index
        count &+= 1
      }
      return .keep
    }
    for place in 0..<count {
      guard let interface = Interface(index: due[place]) else { continue }
      if answers & 1 << UInt32(truncatingIfNeeded: place) != 0 {
        unsafe groups.answerGeneralQuery(on: interface)
      } else {
        DiscoveryMessage.solicitRouters(by: interface)
      }
    }
    return isBusy
  }

  /// A second has passed in a vnet.
  func age(vnet: UInt32) {
    var due = InlineArray<32, UInt32>(repeating: 0)
    var count = 0
    let advertises = unsafe settings.forwarding.isOn && settings.advertises.isOn
    table.sweep(vnet: vnet) { index, link in
      if link.oldQuerier > 0 { link.oldQuerier &-= 1 }
      if link.advertised > 0 { link.advertised &-= 1 }
      guard advertises else {
        if link.advertisements > 0 { link.farewells = Advertising.finalAdvertisements }
        link.advertising = 0
        link.advertisements = 0
        if link.farewells > 0 && link.advertised == 0 && count < due.count {
          link.farewells &-= 1
          link.advertised = Advertising.shortestInterval
          due[count] = index
          count &+= 1
        }
        return .keep
      }
      link.farewells = 0
      if link.advertising > 1 {
        link.advertising &-= 1
      } else if count < due.count && link.advertised == 0 {
        link.advertisements &+= 1
        link.advertising = Advertising.interval(after: link.advertisements, index)
        link.advertised = Advertising.shortestInterval
        due[count] = index
        count &+= 1
      }
      return .keep
    }
    for place in 0..<count {
      if let interface = Interface(index: due[place]) { Advertising.advertise(by: interface, isLast: !advertises) }
    }
  }
}

/// What becomes known of a link, or is to be done there.
enum LinkChange {
  case add
  /// Routers are to be asked for, first after so many ticks.
  case solicit(ticks: UInt32)
  /// What a router says; 0 where it says nothing (RFC 4861, section 6.3.4).
  case advised(hopLimit: UInt8, reachable: UInt32, retransmission: UInt32, mtu: UInt32, isRouter: Bool)
  /// A querier of MLDv1 is there, for so many seconds (RFC 3810, section 8.2.1).
  case oldQuery(response: UInt32)
  /// A querier of MLDv2 (RFC 3810, sections 5.1.8 and 5.1.9); 0 where it says nothing.
  case query(robustness: UInt8, interval: UInt32)
  /// A general query is to be answered within so many ticks.
  case respond(ticks: UInt32)
  /// A router solicitation is to be answered within so many seconds.
  case advertise(within: UInt32)
  /// All were told that this is no router any more.
  case ceased
}

private struct LinkVisitor: TableVisitor {
  let change: LinkChange

  mutating func visit(_ link: inout Link, isNew: Bool) -> TableVerdict {
    if isNew { link = Link() }
    switch change {
    case .add:
      return .keep
    case .solicit(let ticks):
      link.isSoliciting = 1
      link.solicitations = 0
      link.ticks = ticks
    case .advised(let hopLimit, let reachable, let retransmission, let mtu, let isRouter):
      if hopLimit > 0 { link.hopLimit = hopLimit }
      if reachable > 0 { link.reachable = reachable }
      if retransmission > 0 { link.retransmission = retransmission }
      if mtu > 0 { link.mtu = mtu }
      // Who has a router needs to ask no more; who heard of none asks at least once.
      if isRouter && link.solicitations > 0 { link.isSoliciting = 0 }
    case .oldQuery(let response):
      link.oldQuerier = UInt32(link.robustness) &* link.queryInterval &+ response
    case .query(let robustness, let interval):
      link.robustness = robustness > 0 ? robustness : Link.defaultRobustness
      link.queryInterval = interval > 0 ? interval : Link.defaultQueryInterval
    case .respond(let ticks):
      if link.response == 0 || ticks < link.response { link.response = ticks }
    case .advertise(let seconds):
      if link.advertising > seconds { link.advertising = seconds }
    case .ceased:
      (link.advertising, link.advertisements, link.advertised, link.farewells) = (0, 0, 0, 0)
    }
    // Of a link that is not looked after there is nothing to know.
    return isNew ? .remove : .keep
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var links = Links()
