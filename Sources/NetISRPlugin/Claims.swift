/// Who takes what arrives for an upper layer: the table "shared.claims", in which handlers above IP say which IP protocol
/// numbers and which UDP ports are theirs, and in which ip and ip6 look.
///
/// A claim holds for both families and for all vnets. It is good while its protocol number is served: who is gone has
/// none. A claimant gets whole datagrams that begin with the IP header, of which all checks are done; of a UDP port, the
/// UDP checksum is right too.
public struct Claims: Sendable {
  /// What can be claimed.
  public struct Subject: BitwiseCopyable, Sendable {
    /// 1: an IP protocol; 2: a UDP port.
    public var kind: UInt32
    /// In host order.
    public var number: UInt32

    @inlinable
    init(kind: UInt32, number: UInt32) {
      self.kind = kind
      self.number = number
    }

    /// An IP protocol number, or next-header value of IPv6 (IANA's "Protocol Numbers").
    @inlinable
    public static func ipProtocol(_ number: UInt8) -> Subject { Subject(kind: 1, number: UInt32(number)) }

    /// A UDP port. It goes before a claim of the protocol UDP.
    @inlinable
    public static func udpPort(_ port: UInt16) -> Subject { Subject(kind: 2, number: UInt32(port)) }
  }

  @usableFromInline static let limit: UInt32 = 4096
  @usableFromInline var table = Table<Subject, UInt32>()

  /// No claims.
  @inlinable
  public init() {}

  /// Opens the table. Only in `netisr_plugin_register`. [control]
  @inlinable
  public init(opening _: Void) throws(Errno) {
    table = try Table(opening: "shared.claims", maxEntries: Self.limit, format: "kind:u32 number:u32 = proto:u32")
  }

  /// Has what arrives for `subject` handed to a netisr protocol number: the plugin's own. EBUSY: another number that is
  /// served has it. [control]
  @inlinable
  public func claim(_ subject: Subject, for proto: Int32) throws(Errno) {
    if let holder = table.lookup(subject, vnet: 0, initial: 0), holder != UInt32(proto), netisr_serves(holder) != 0 {
      throw Errno(EBUSY)
    }
    guard table.insert(subject, UInt32(proto), vnet: 0) else { throw Errno(ENOSPC) }
  }

  /// Gives a claim up, if it is that number's.
  @inlinable
  public func release(_ subject: Subject, of proto: Int32) {
    if table.lookup(subject, vnet: 0, initial: 0) == UInt32(proto) { table.remove(subject, vnet: 0) }
  }

  /// Whether nobody has claimed anything: then there is nothing to look for. [any thread]
  @inlinable
  public var isEmpty: Bool { table.count(vnet: 0) == 0 }

  /// The netisr protocol number that takes what arrives for `subject`; nil: nobody does. [any thread]
  @inlinable
  public func holder(of subject: Subject) -> Int32? {
    guard let proto = table.lookup(subject, vnet: 0, initial: 0), netisr_serves(proto) != 0 else { return nil }
    return Int32(truncatingIfNeeded: proto)
  }
}
