/// The packet header: where the packet came from, when, and what the layers before said of it.
extension Packet {
  /// The interface that received the packet; nil for a packet made in the host.
  @inlinable
  public var interface: Interface? {
    guard let ifp = unsafe head.pointee.m_pkthdr.rcvif else { return nil }
    return unsafe Interface(ifp)
  }

  /// The virtual stack in which the packet is handled: its interface's, or 0.
  @inlinable
  public var vnet: UInt32 {
    unsafe head.pointee.m_pkthdr.rcvif?.pointee.if_vnet ?? 0
  }

  /// When the packet was received: nanoseconds since the epoch by its interface's clock, which for a capture is the
  /// capture's.
  @inlinable
  public var timestamp: UInt64 {
    unsafe head.pointee.m_pkthdr.rcv_tstmp
  }

  /// Which clock `timestamp` is of: 0 the host's, others one capture's each. Times of different clocks can't be compared.
  @inlinable
  public var clock: UInt32 {
    unsafe head.pointee.m_pkthdr.rcvif?.pointee.if_clock ?? 0
  }

  /// `M_BCAST`, `M_MCAST`, `M_VLANTAG`, `M_PROTO1`...
  @inlinable
  public var flags: UInt32 {
    get { unsafe head.pointee.m_flags }
    set { unsafe head.pointee.m_flags = newValue }
  }

  /// The outermost VLAN tag (priority, DEI and VLAN id); sets `M_VLANTAG`.
  @inlinable
  public var vlanTag: UInt16? {
    get { unsafe head.pointee.m_flags & M_VLANTAG != 0 ? head.pointee.m_pkthdr.ether_vtag : nil }
    set {
      unsafe head.pointee.m_pkthdr.ether_vtag = newValue ?? 0
      if newValue == nil {
        unsafe head.pointee.m_flags &= ~M_VLANTAG
      } else {
        unsafe head.pointee.m_flags |= M_VLANTAG
      }
    }
  }

  /// The flow id that decides the workstream under the FLOW policy; nil when nobody has set one.
  @inlinable
  public var flowID: UInt32? {
    unsafe head.pointee.m_pkthdr.rsstype == UInt8(M_HASHTYPE_NONE) ? nil : head.pointee.m_pkthdr.flowid
  }

  /// Sets the flow id; `hashType` says what it was computed over (`M_HASHTYPE_...`).
  @inlinable
  public mutating func setFlowID(_ id: UInt32, hashType: Int32) {
    unsafe head.pointee.m_pkthdr.flowid = id
    unsafe head.pointee.m_pkthdr.rsstype = UInt8(truncatingIfNeeded: hashType)
  }

  /// Forgets the flow id, so that the next protocol computes its own.
  @inlinable
  public mutating func clearFlowID() {
    unsafe head.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_NONE)
  }

  /// Whether the receiving interface has checked the network layer's checksum and found it right.
  @inlinable
  public var isHeaderChecksumVerified: Bool {
    let verified = CSUM_L3_CALC | CSUM_L3_VALID
    return unsafe head.pointee.m_pkthdr.csum_flags & verified == verified
  }

  // MARK: Handing on

  /// Hands the packet to another protocol, by that protocol's dispatch policy. 0, or the errno value that says why it
  /// was dropped (and counted by the host).
  @inlinable @discardableResult
  public consuming func dispatch(to protocolNumber: Int32, source: UInt = 0) -> Int32 {
    unsafe netisr_dispatch_src(UInt32(protocolNumber), source, release())
  }

  /// The same, but always through the queue.
  @inlinable @discardableResult
  public consuming func queue(to protocolNumber: Int32, source: UInt = 0) -> Int32 {
    unsafe netisr_queue_src(UInt32(protocolNumber), source, release())
  }

  /// Sends the packet out of an interface. 0 or an errno value.
  @inlinable @discardableResult
  public consuming func transmit(by interface: Interface) -> Int32 {
    unsafe if_transmit(interface.ifp, release())
  }
}

/// A network interface of the host. It outlives every packet that came in by it; don't keep it longer.
@safe @frozen
public struct Interface {
  @usableFromInline let ifp: UnsafeMutablePointer<ifnet>

  @inlinable
  init(_ ifp: UnsafeMutablePointer<ifnet>) {
    unsafe self.ifp = ifp
  }

  /// The interface with that index; nil when there is none.
  @inlinable
  public init?(index: UInt32) {
    guard let ifp = unsafe ifnet_byindex(index) else { return nil }
    unsafe self.ifp = ifp
  }

  /// From 1; never used again while the host runs.
  @inlinable
  public var index: UInt32 { unsafe ifp.pointee.if_index }

  /// Of the host's interfaces, the one with the next higher index; nil when there is none. A plugin that asks says
  /// `abiMinor: 4`, or more, in its note.
  @inlinable
  public static func next(after index: UInt32) -> Interface? {
    guard let ifp = unsafe ifnet_next(index) else { return nil }
    return unsafe Interface(ifp)
  }

  /// Calls `body` with each interface of the host until it answers false. As of `next`.
  @inlinable
  public static func forEach(_ body: (Interface) -> Bool) {
    var next = next(after: 0)
    while let interface = next, body(interface) { next = self.next(after: interface.index) }
  }

  /// Calls `body` with each interface of a vnet until it answers false. As of `next`.
  @inlinable
  public static func forEach(vnet: UInt32, _ body: (Interface) -> Bool) {
    forEach { $0.vnet != vnet || body($0) }
  }

  /// The interface of a vnet that routes name by `systemIndex`; nil when there is none. A plugin that asks says
  /// `abiMinor: 3`, or more, in its note.
  @inlinable
  public init?(systemIndex: UInt32, vnet: UInt32) {
    guard let ifp = unsafe ifnet_bysysindex(systemIndex, vnet) else { return nil }
    unsafe self.ifp = ifp
  }

  /// The system's index of it, by which routes name it (`if_sysindex` in ifnet.h).
  @inlinable
  public var systemIndex: UInt32 { unsafe ifnet_sysindex(ifp) }

  /// Bytes that a packet of the network layer may have on its link.
  @inlinable
  public var mtu: Int { unsafe Int(ifnet_mtu(ifp)) }

  /// The virtual stack that the interface belongs to.
  @inlinable
  public var vnet: UInt32 { unsafe ifp.pointee.if_vnet }

  /// Which clock its packets' times are of: 0 the host's, others one capture's each.
  @inlinable
  public var clock: UInt32 { unsafe ifp.pointee.if_clock }

  /// `IFT_ETHER`, `IFT_ATM`, ...
  @inlinable
  public var type: UInt32 { unsafe ifp.pointee.if_type }

  /// Only listens: every destination counts as local, nothing is answered or forwarded.
  @inlinable
  public var isMonitor: Bool { unsafe ifnet_flags(ifp) & UInt32(IFNET_MONITOR) != 0 }

  /// Packets can come and go.
  @inlinable
  public var isUp: Bool { unsafe ifnet_flags(ifp) & UInt32(IFNET_UP) != 0 }

  /// The other end of a pair.
  @inlinable
  public var peer: Interface? {
    guard let peer = unsafe ifp.pointee.if_peer else { return nil }
    return unsafe Interface(peer)
  }

  /// Tries again to send what waits in the send queue. Returns how many packets it moved.
  @inlinable @discardableResult
  public func start() -> UInt32 {
    unsafe if_start(ifp)
  }
}
