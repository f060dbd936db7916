import NetISRPlugin

/// The counters of ICMP, after FreeBSD's `struct icmpstat`: messages by type, once their checksum was found right.
struct ICMPCounters {
  // MARK: Drops

  /// Less than the eight bytes that every message has, or its type was not captured.
  var tooshort = Counter()
  /// The checksum over the message is wrong.
  var badsum = Counter()

  // MARK: Messages by type

  var echoreply = Counter()
  var unreach = Counter()
  var sourcequench = Counter()
  var redirect = Counter()
  var echo = Counter()
  var routeradvert = Counter()
  var routersolicit = Counter()
  var timxceed = Counter()
  var paramprob = Counter()
  var tstamp = Counter()
  var tstampreply = Counter()
  var maskreq = Counter()
  var maskreply = Counter()
  var other = Counter()

  // MARK: Answers

  /// Messages answered.
  var reflect = Counter()
  /// Requests to many stations at once, not answered.
  var bmcastecho = Counter()

  // MARK: Errors told to senders

  /// Packets about which there was something to tell.
  var error = Counter()
  /// Of these not told: about ICMP errors; too short to see what they are about; beyond the rate.
  var oldicmp = Counter()
  var oldshort = Counter()
  var limited = Counter()
  /// Told, by type.
  var outunreach = Counter()
  var outredirect = Counter()
  var outtimxceed = Counter()
  var outparamprob = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    tooshort = try Counter("icmp.tooshort")
    badsum = try Counter("icmp.badsum")
    echoreply = try Counter("icmp.echoreply")
    unreach = try Counter("icmp.unreach")
    sourcequench = try Counter("icmp.sourcequench")
    redirect = try Counter("icmp.redirect")
    echo = try Counter("icmp.echo")
    routeradvert = try Counter("icmp.routeradvert")
    routersolicit = try Counter("icmp.routersolicit")
    timxceed = try Counter("icmp.timxceed")
    paramprob = try Counter("icmp.paramprob")
    tstamp = try Counter("icmp.tstamp")
    tstampreply = try Counter("icmp.tstampreply")
    maskreq = try Counter("icmp.maskreq")
    maskreply = try Counter("icmp.maskreply")
    other = try Counter("icmp.other")
    reflect = try Counter("icmp.reflect")
    bmcastecho = try Counter("icmp.bmcastecho")
    error = try Counter("icmp.error")
    oldicmp = try Counter("icmp.oldicmp")
    oldshort = try Counter("icmp.oldshort")
    limited = try Counter("icmp.limited")
    outunreach = try Counter("icmp.outunreach")
    outredirect = try Counter("icmp.outredirect")
    outtimxceed = try Counter("icmp.outtimxceed")
    outparamprob = try Counter("icmp.outparamprob")
  }

  /// Counts a message by its type (IANA's ICMP type numbers; RFC 792, 950, 1256).
  func count(type: UInt8) {
    switch type {
    case 0: echoreply.add()
    case 3: unreach.add()
    case 4: sourcequench.add()
    case 5: redirect.add()
    case 8: echo.add()
    case 9: routeradvert.add()
    case 10: routersolicit.add()
    case 11: timxceed.add()
    case 12: paramprob.add()
    case 13: tstamp.add()
    case 14: tstampreply.add()
    case 17: maskreq.add()
    case 18: maskreply.add()
    default: other.add()
    }
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var icmpCounters = ICMPCounters()
