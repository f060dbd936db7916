import CNetISR
import Synchronization

/// The protocol numbers, and who serves each.
///
/// One immutable record per registration, reached by one atomic load; a change publishes another record, and the old one
/// is freed after a grace period. Two places per number: `entrance` is what a packet's sender finds, `service` is
/// what a worker finds for packets that are already queued. They differ only while a protocol is being withdrawn: then
/// nothing new gets in, and what is queued is still handled.
@safe
struct Protocols: ~Copyable {
  static let count = Int(NETISR_MAXPROT)

  // Addresses as integers: the compiler's thread sanitizer pass has no atomics over pointers.
  private let entrances: UnsafeMutablePointer<Atomic<UInt>>
  private let services: UnsafeMutablePointer<Atomic<UInt>>

  init() {
    unsafe entrances = .allocate(capacity: Self.count)
    unsafe services = .allocate(capacity: Self.count)
    for number in 0..<Self.count {
      unsafe (entrances + number).initialize(to: Atomic(0))
      unsafe (services + number).initialize(to: Atomic(0))
    }
  }

  deinit {
    unsafe entrances.deallocate()
    unsafe services.deallocate()
  }

  /// The record that a new packet finds. The caller is inside of a grace-period section, and has checked the number.
  @inline(__always)
  func entrance(_ number: Int) -> UnsafeMutablePointer<ProtocolRecord>? {
    // Acquire: pairs with the release in `setEntrance`; the record's content was written before.
    unsafe UnsafeMutablePointer(bitPattern: entrances[number].load(ordering: .acquiring))
  }

  /// The record by which queued packets are handled. Under the same conditions.
  @inline(__always)
  func service(_ number: Int) -> UnsafeMutablePointer<ProtocolRecord>? {
    unsafe UnsafeMutablePointer(bitPattern: services[number].load(ordering: .acquiring))
  }

  /// Publishes a record for new packets, or none.
  func setEntrance(_ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>?) {
    unsafe entrances[number].store(UInt(bitPattern: record), ordering: .releasing)
  }

  /// Publishes a record for queued packets, or none.
  func setService(_ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>?) {
    unsafe services[number].store(UInt(bitPattern: record), ordering: .releasing)
  }
}

/// What the dispatch path needs of a registration. Immutable once published.
@safe
struct ProtocolRecord {
  // The first three are a struct netisr_host_subject: guarded calls find them at the record's address.
  let handler: @convention(c) (UnsafeMutablePointer<mbuf>?) -> Void
  /// Whose packets they are that the handler is called for: a `MbufHolder`.
  let mark: UInt32
  let isBare: UInt32 = 0
  let m2flow: (@convention(c) (UnsafeMutablePointer<mbuf>?, UInt) -> UnsafeMutablePointer<mbuf>?)?
  let m2cpuid:
    (@convention(c) (UnsafeMutablePointer<mbuf>?, UInt, UnsafeMutablePointer<UInt32>?) -> UnsafeMutablePointer<mbuf>?)?
  let drainedcpu: (@convention(c) (UInt32) -> Void)?
  let number: Int
  let policy: Policy
  /// Which registration or replacement it belongs to; copies of it share that.
  let generation: UInt
  var dispatch: Dispatch
  /// By workstream, they and the protocol's queues.
  var streams: UnsafeMutablePointer<Workstream>
  var queues: UnsafeMutablePointer<PacketQueue>
  /// Workstreams. Set together with `reciprocal`.
  private(set) var count: Int
  /// 2^64 / count, rounded up (0 for one): a remainder is two multiplications then, where a division takes 20 cycles.
  private var reciprocal: UInt64

  init(
    _ handler: netisr_handler, _ holder: MbufHolder, generation: UInt, _ set: WorkerSet,
    _ queues: UnsafeMutablePointer<PacketQueue>
  ) {
    mark = holder.mark
    // Validated: the handler is there, and the numbers are cases.
    unsafe self.handler = handler.nh_handler!
    unsafe m2flow = handler.nh_m2flow
    unsafe m2cpuid = handler.nh_m2cpuid
    unsafe drainedcpu = handler.nh_drainedcpu
    unsafe number = Int(handler.nh_proto)
    unsafe policy = Policy(rawValue: handler.nh_policy)!
    self.generation = generation
    unsafe dispatch = Dispatch(rawValue: handler.nh_dispatch)!
    unsafe streams = set.streams
    unsafe self.queues = unsafe queues
    count = 0
    reciprocal = 0
    setCount(set.count)
  }

  /// Leads to other workstreams and queues.
  mutating func lead(to set: WorkerSet, _ queues: UnsafeMutablePointer<PacketQueue>) {
    unsafe streams = set.streams
    unsafe self.queues = unsafe queues
    setCount(set.count)
  }

  private mutating func setCount(_ new: Int) {
    count = new
    reciprocal = UInt64.max / UInt64(new) &+ 1
  }

  /// `flow` modulo the number of workstreams. (Lemire, Kaser, Kurz: "Faster remainder by direct computation", 2019)
  @inline(__always)
  func remainder(_ flow: UInt32) -> Int {
    Int(truncatingIfNeeded: (reciprocal &* UInt64(flow)).multipliedFullWidth(by: UInt64(count)).high)
  }
}

/// How a workstream is selected.
public enum Policy: UInt32, Sendable, CaseIterable {
  /// Order per source.
  case source = 1
  /// Order per flow.
  case flow = 2
  /// The protocol decides.
  case cpu = 3

  /// The word for it: `source`, `flow`, `cpu`.
  public var name: String { String(describing: self) }
}

/// Whether a handler runs at once or later.
public enum Dispatch: UInt32, Sendable, CaseIterable {
  /// As the global policy says.
  case `default` = 0
  /// Always queued.
  case deferred = 1
  /// At once where that keeps order, otherwise queued.
  case hybrid = 2
  /// Always at once.
  case direct = 3

  /// The word for it: `default`, `deferred`, `hybrid`, `direct`.
  public var name: String { String(describing: self) }

  /// The policy of a number that is known to be one. Inlined, unlike `init(rawValue:)`: it is on every packet's way.
  @inline(__always)
  init(validated number: UInt32) {
    switch number {
    case 1: self = .deferred
    case 2: self = .hybrid
    default: self = .direct
    }
  }

  /// The policy of that name.
  public init?(named name: String) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}
