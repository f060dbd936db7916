import NetISRPlugin

/// The counters of udpecho. Each datagram is in one of them.
struct UDPEchoCounters {
  /// Sent back.
  var echoed = Counter()
  /// For the discard service: thrown away, as it is to be.
  var discarded = Counter()
  /// Not answered: it came to many stations, or from a port of which it may be a service's answer.
  var refused = Counter()
  /// Heard by an interface that only listens: not for this host.
  var overheard = Counter()
  /// To be sent back, and could not be.
  var failed = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    echoed = try Counter("udpecho.echoed")
    discarded = try Counter("udpecho.discarded")
    refused = try Counter("udpecho.refused")
    overheard = try Counter("udpecho.overheard")
    failed = try Counter("udpecho.failed")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = UDPEchoCounters()
