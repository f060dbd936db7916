/// Which multicast groups this host is a member of, by which interfaces: the table "shared.groups", which operators
/// (`netisr if join`) and plugins write, and igmp and ip6 read. 256 in each vnet.
///
/// Who writes tells igmp and ip6 by an empty packet that something has changed (`Packet.isGroupNotice`).
public struct Groups: Sendable {
  /// A group and an interface.
  public struct Key: BitwiseCopyable, Sendable {
    /// As it lies in packets; of IPv4 the first four bytes, then zeros.
    public var address: RouteAddress
    /// The interface's index (`Interface.index`).
    public var interface: UInt32
    /// 4 or 6.
    public var family: UInt32

    /// An IPv4 group, as a number.
    @inlinable
    public init(ipv4 group: UInt32, interface: UInt32) {
      address = RouteAddress(group.bigEndian)
      self.interface = interface
      family = 4
    }

    /// An IPv6 group.
    @inlinable
    public init(ipv6 group: RouteAddress, interface: UInt32) {
      address = group
      self.interface = interface
      family = 6
    }

    /// The group as a number, of IPv4.
    @inlinable
    public var ipv4: UInt32 { UInt32(bigEndian: address.word0) }
  }

  /// Groups of both families together, per vnet.
  public static var limit: UInt32 { 256 }

  /// 0: nothing is known of a membership beyond its key.
  @usableFromInline var table = Table<Key, UInt64>()

  /// No groups.
  @inlinable
  public init() {}

  /// Opens the table. Only in `netisr_plugin_register`. [control]
  public init(opening _: Void) throws(Errno) {
    table = try Table(
      opening: "shared.groups", maxEntries: Self.limit, format: "group:ip/family interface:u32 family:u32 = -:8")
  }

  /// Makes this host a member, by the interface that the key names. False when there is no room. [any thread]
  public func join(_ key: Key, vnet: UInt32) -> Bool {
    guard table.insert(key, 0, vnet: vnet) else { return false }
    tell(key)
    return true
  }

  /// Ends a membership; false when there was none. [any thread]
  @discardableResult
  public func leave(_ key: Key, vnet: UInt32) -> Bool {
    guard table.remove(key, vnet: vnet) else { return false }
    tell(key)
    return true
  }

  /// Whether this host is a member. [any thread]
  public func contains(_ key: Key, vnet: UInt32) -> Bool { table.lookup(key, vnet: vnet, initial: 0) != nil }

  /// How many there are in a vnet. [any thread]
  public func count(vnet: UInt32) -> Int { table.count(vnet: vnet) }

  /// Calls `body` with each group of a vnet, which must not call into tables. [any thread]
  public func forEach(vnet: UInt32, _ body: (Key) -> Void) {
    table.sweep(vnet: vnet) { key, _ in
      body(key)
      return .keep
    }
  }

  /// Through the queue: who joins may be in the midst of handling a packet.
  private func tell(_ key: Key) {
    guard let interface = Interface(index: key.interface), var notice = Packet.make() else { return }
    notice.flags |= M_LOCALOUT
    notice.setInterface(interface)
    notice.queue(to: key.family == 4 ? NETISR_IGMP : NETISR_IPV6)
  }
}

extension Packet {
  /// No packet at all, but word that groups were joined or left.
  @inlinable
  public var isGroupNotice: Bool { isLocalOutput && count == 0 }
}
