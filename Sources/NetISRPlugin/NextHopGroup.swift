/// The next hops of a route that has several, with their weights: the value of the route plugin's "route.multipath", whose
/// key is a `RoutePrefix`. 392 bytes, without padding.
///
/// There is one for each prefix whose entry in "route.inet" or "route.inet6" has `nextHops` above 1. A reader that finds
/// none, because both change at the same time, takes the entry's own next hop.
public struct NextHopGroup: BitwiseCopyable, Sendable {
  /// Next hops that are kept of a route: the first ones.
  public static var limit: Int { 16 }

  /// One of them. 24 bytes.
  public struct Hop: BitwiseCopyable, Sendable {
    /// If `gatewayFamily` is not 0.
    public var gateway = RouteAddress()
    /// The system's index of the interface.
    public var interface: UInt32 = 0
    /// Its share of the flows, from 1, beside the others'.
    public var weight: UInt16 = 1
    /// 4 or 6; 0: destinations are on the link.
    public var gatewayFamily: UInt8 = 0
    /// 0.
    public var spare: UInt8 = 0

    /// No next hop.
    @inlinable
    public init() {}
  }

  /// How many there are.
  public private(set) var count: UInt32 = 0
  /// The sum of their weights.
  public private(set) var total: UInt32 = 0
  private var hops = InlineArray<16, Hop>(repeating: Hop())

  /// No next hops.
  public init() {}

  /// The next hop at a place below `count`.
  public subscript(_ place: Int) -> Hop { hops[place] }

  /// Adds a next hop. What is beyond the limit is left out.
  public mutating func append(_ hop: Hop) {
    let place = Int(count)
    guard place < Self.limit else { return }
    hops[place] = hop
    count &+= 1
    total &+= UInt32(hop.weight)
  }

  /// Removes the next hops that `matches` chooses; the others keep their order.
  public mutating func removeAll(where matches: (Hop) -> Bool) {
    var rest = NextHopGroup()
    for place in 0..<min(Int(count), Self.limit) where !matches(hops[place]) { rest.append(hops[place]) }
    self = rest
  }

  /// The place of the next hop that a flow takes: each has a part of all hashes as large as its weight, so that few flows
  /// move when a next hop comes or goes (RFC 2992, the hash-threshold algorithm).
  public func place(of hash: UInt32) -> Int {
    var point = UInt32(truncatingIfNeeded: (UInt64(hash) &* UInt64(total)) >> 32)
    let last = max(min(Int(count), Self.limit) &- 1, 0)
    for place in 0..<last {
      let weight = UInt32(hops[place].weight)
      if point < weight { return place }
      point &-= weight
    }
    return last
  }
}

/// A prefix of either family.
public struct RoutePrefix: BitwiseCopyable, Sendable {
  /// The address: the bits behind the prefix are 0.
  public var address: RouteAddress
  /// Bits.
  public var length: UInt32
  /// 4 or 6.
  public var family: UInt32

  /// A prefix.
  @inlinable
  public init(address: RouteAddress, length: UInt32, family: UInt32) {
    self.address = address
    self.length = length
    self.family = family
  }
}

/// Which way flows take where a route has several next hops: by source and destination only, as the kernel does unless told
/// otherwise, so that all packets and fragments of two stations stay together.
public struct Multipath: Sendable {
  private var table = Table<RoutePrefix, NextHopGroup>()

  /// Not open: no route has several next hops.
  public init() {}

  /// Finds the route plugin's table, whether or not it is there yet. [control]
  public init(finding _: Void) throws(Errno) {
    table = try Table(finding: "route.multipath")
  }

  /// Calls `body` with the next hops of a prefix's route, beginning with the one that the flow from `source` to
  /// `destination` takes, until it answers true. False when there are none, or it never did.
  public func choose(
    _ prefix: RoutePrefix, from source: RouteAddress, to destination: RouteAddress, vnet: UInt32,
    _ body: (NextHopGroup.Hop) -> Bool
  ) -> Bool {
    guard let group = table.lookup(prefix, vnet: vnet, initial: NextHopGroup()) else { return false }
    let count = min(Int(group.count), NextHopGroup.limit)
    guard count > 0 else { return false }
    var place = group.place(of: Self.hash(source, destination))
    for _ in 0..<count {
      if body(group[place]) { return true }
      place = place &+ 1 < count ? place &+ 1 : 0
    }
    return false
  }

  /// Of the flow one way: its replies come by whatever way the other end chooses.
  private static func hash(_ source: RouteAddress, _ destination: RouteAddress) -> UInt32 {
    func mix(_ state: UInt64, _ address: RouteAddress) -> UInt64 {
      let high = UInt64(address.word0) << 32 | UInt64(address.word1)
      let low = UInt64(address.word2) << 32 | UInt64(address.word3)
      return FlowHash.mix(FlowHash.mix(state ^ high) ^ low)
    }
    return UInt32(truncatingIfNeeded: mix(mix(0, source), destination) >> 32)
  }
}
