import NetISRPlugin

/// Message types of ICMPv6 (RFC 4443, RFC 4861, RFC 2710, RFC 3810).
enum ICMP6Type {
  static let unreach: UInt8 = 1
  static let tooBig: UInt8 = 2
  static let timeExceeded: UInt8 = 3
  static let parameterProblem: UInt8 = 4
  static let echo: UInt8 = 128
  static let echoReply: UInt8 = 129
  static let listenerQuery: UInt8 = 130
  static let listenerReport: UInt8 = 131
  static let listenerDone: UInt8 = 132
  static let routerSolicitation: UInt8 = 133
  static let routerAdvertisement: UInt8 = 134
  static let neighbourSolicitation: UInt8 = 135
  static let neighbourAdvertisement: UInt8 = 136
  static let redirect: UInt8 = 137
  static let listenerReport2: UInt8 = 143

  /// Bytes of type, code and checksum: all that messages have in common.
  static let headerSize = 4

  /// Bytes of the fixed part of the type's messages.
  static func minimum(_ type: UInt8) -> Int {
    switch type {
    case unreach, tooBig, timeExceeded, parameterProblem, echo, echoReply, listenerReport2, routerSolicitation: 8
    case routerAdvertisement: 16
    case listenerQuery, listenerReport, listenerDone, neighbourSolicitation, neighbourAdvertisement: 24
    case redirect: 40
    default: headerSize
    }
  }

  /// The type's counter.
  static func counter(_ type: UInt8) -> Counter {
    switch type {
    case unreach: unsafe icmp6Counters.unreach
    case tooBig: unsafe icmp6Counters.toobig
    case timeExceeded: unsafe icmp6Counters.timxceed
    case parameterProblem: unsafe icmp6Counters.paramprob
    case echo: unsafe icmp6Counters.echo
    case echoReply: unsafe icmp6Counters.echoreply
    case listenerQuery: unsafe icmp6Counters.mld_query
    case listenerReport: unsafe icmp6Counters.mld_report
    case listenerDone: unsafe icmp6Counters.mld_done
    case routerSolicitation: unsafe icmp6Counters.router_solicit
    case routerAdvertisement: unsafe icmp6Counters.router_advert
    case neighbourSolicitation: unsafe icmp6Counters.nd_solicit
    case neighbourAdvertisement: unsafe icmp6Counters.nd_advert
    case redirect: unsafe icmp6Counters.redirect
    case listenerReport2: unsafe icmp6Counters.mld2_report
    default: unsafe icmp6Counters.others
    }
  }
}
