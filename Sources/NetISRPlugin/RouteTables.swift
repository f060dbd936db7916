/// The layout of the route plugin's tables that other plugins read:
///
/// - "route.inet", longest-prefix match: `RouteKey4` to `RouteEntry`;
/// - "route.inet6", longest-prefix match: `RouteKey6` to `RouteEntry`;
/// - "route.multipath", hash: `RoutePrefix` to `NextHopGroup`.
///
/// They hold the best route of each prefix of the main table. A reader finds the next hop with
/// `match(_:vnet:initial:)`; then it looks at `type`: an entry can also say that there is no way. Where `nextHops` is above
/// 1, `Multipath` says which of them a flow takes.

/// An address as it lies in packets; of IPv4 the first four bytes, then zeros.
public struct RouteAddress: BitwiseCopyable, Sendable {
  /// Bytes 0 to 3, in memory order.
  public var word0: UInt32
  /// Bytes 4 to 7.
  public var word1: UInt32
  /// Bytes 8 to 11.
  public var word2: UInt32
  /// Bytes 12 to 15.
  public var word3: UInt32

  /// An address of its words, each in memory order.
  @inlinable
  public init(_ word0: UInt32 = 0, _ word1: UInt32 = 0, _ word2: UInt32 = 0, _ word3: UInt32 = 0) {
    self.word0 = word0
    self.word1 = word1
    self.word2 = word2
    self.word3 = word3
  }

  /// The same sixteen bytes.
  @inlinable
  public static func == (a: RouteAddress, b: RouteAddress) -> Bool {
    a.word0 == b.word0 && a.word1 == b.word1 && a.word2 == b.word2 && a.word3 == b.word3
  }
}

/// A prefix of IPv4.
public struct RouteKey4: BitwiseCopyable, Sendable {
  /// Bits, 0 to 32.
  public var prefixLength: UInt32
  /// In memory order.
  public var address: UInt32

  /// A prefix.
  @inlinable
  public init(prefixLength: UInt32, address: UInt32) {
    self.prefixLength = prefixLength
    self.address = address
  }
}

/// A prefix of IPv6.
public struct RouteKey6: BitwiseCopyable, Sendable {
  /// Bits, 0 to 128.
  public var prefixLength: UInt32
  /// The address.
  public var address: RouteAddress

  /// A prefix.
  @inlinable
  public init(prefixLength: UInt32, address: RouteAddress) {
    self.prefixLength = prefixLength
    self.address = address
  }
}

/// Who made a route: RTPROT_... of rtnetlink(7), and one number more.
public enum RouteOrigin {
  /// The operator, by `netisr route add`: none of the numbers that the system gives away.
  public static var `operator`: UInt8 { 78 }
}

/// Where packets for a prefix go. 48 bytes, without padding.
public struct RouteEntry: BitwiseCopyable, Sendable {
  /// The next hop, if `gatewayFamily` is not 0.
  public var gateway = RouteAddress()
  /// The system's index of the interface, as in "route.links"; 0 when there is none.
  public var interface: UInt32 = 0
  /// The lower, the better.
  public var metric: UInt32 = 0
  /// The system's routing table: 254 is main.
  public var table: UInt32 = 0
  /// `rtm_flags`: RTNH_F_ONLINK, ...
  public var flags: UInt32 = 0
  /// Bytes; 0 when the route has none of its own.
  public var mtu: UInt32 = 0
  /// Which of the prefix's routes of one metric comes first: the one with the least.
  public var order: Int32 = 0
  /// Next hops of the route; this one is the first.
  public var nextHops: UInt16 = 0
  /// This one's share of the flows, beside the others'.
  public var weight: UInt16 = 1
  /// 4 or 6; 0: destinations are on the link.
  public var gatewayFamily: UInt8 = 0
  /// Who made the route: RTPROT_KERNEL 2, RTPROT_BOOT 3, RTPROT_STATIC 4, ...
  public var origin: UInt8 = 0
  /// RT_SCOPE_UNIVERSE 0, RT_SCOPE_LINK 253, RT_SCOPE_HOST 254, ...
  public var scope: UInt8 = 0
  /// What becomes of packets: RTN_UNICAST 1, RTN_BLACKHOLE 6, RTN_UNREACHABLE 7, RTN_PROHIBIT 8, RTN_THROW 9, ...
  public var type: UInt8 = 0

  /// No route.
  @inlinable
  public init() {}
}
