import CNetISR
import Synchronization

/// Which protocols are enabled in which virtual stack: a bit per protocol, a word per vnet.
@safe
struct Vnets: ~Copyable {
  /// Vnets are numbered from 0 to this, exclusively.
  static let limit = Int(NETISR_MAXVNET)

  private let enabled: UnsafeMutablePointer<Atomic<UInt32>>
  /// A bit for each protocol that is disabled in some vnet: the others' packets need not be looked at.
  private let restricted = Atomic<UInt32>(0)
  /// `restricted`, or all: whose packets are looked at.
  private let inspected = Atomic<UInt32>(0)
  private let inspection = Atomic(false)

  init() {
    unsafe enabled = .allocate(capacity: Self.limit)
    for vnet in 0..<Self.limit { unsafe (enabled + vnet).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe enabled.deallocate()
  }

  /// Whether a protocol takes this packet: by the vnet of its interface, 0 when it has none. Relaxed: who disables waits for
  /// a grace period.
  @inline(__always)
  func admit(_ m: UnsafeMutablePointer<mbuf>, to number: Int) -> Bool {
    if !restricts(number) { return true }
    if inspectsAll, unsafe isMisused(m) { return false }
    return isEnabled(number, in: unsafe vnet(of: m))
  }

  /// Whether a protocol is disabled in some vnet, or packets are inspected.
  @inline(__always)
  func restricts(_ number: Int) -> Bool { inspected.load(ordering: .relaxed) & (1 << UInt32(number)) != 0 }

  /// Whether each packet is looked at, and must be an mbuf in use to be admitted. [control], locked
  var inspectsAll: Bool {
    get { inspection.load(ordering: .relaxed) }
    nonmutating set {
      inspection.store(newValue, ordering: .relaxed)
      publish()
    }
  }

  /// Whether a packet is none: free, or no mbuf.
  @inline(never)
  private func isMisused(_ m: UnsafeMutablePointer<mbuf>) -> Bool {
    unsafe mbufContext().withEngine { unsafe $0.mbufs.misuse(of: m) != nil }
  }

  /// Whether a protocol is enabled in a vnet. Relaxed: who disables waits for a grace period.
  @inline(__always)
  func isEnabled(_ number: Int, in vnet: Int) -> Bool {
    guard vnet < Self.limit else { return false }
    return unsafe enabled[vnet].load(ordering: .relaxed) & (1 << UInt32(number)) != 0
  }

  /// Enables or disables a protocol in a vnet.
  func set(_ number: Int, in vnet: Int, to on: Bool) {
    setWord(number, in: vnet, to: on)
    noteRestriction(of: number, !on || !(0..<Self.limit).allSatisfy { isEnabled(number, in: $0) })
  }

  /// Enables or disables a protocol in every vnet.
  func setAll(_ number: Int, to on: Bool) {
    for vnet in 0..<Self.limit { setWord(number, in: vnet, to: on) }
    noteRestriction(of: number, !on)
  }

  private func setWord(_ number: Int, in vnet: Int, to on: Bool) {
    let bit: UInt32 = 1 << UInt32(number)
    if on {
      unsafe enabled[vnet].bitwiseOr(bit, ordering: .relaxed)
    } else {
      unsafe enabled[vnet].bitwiseAnd(~bit, ordering: .relaxed)
    }
  }

  private func noteRestriction(of number: Int, _ isRestricted: Bool) {
    let bit: UInt32 = 1 << UInt32(number)
    if isRestricted {
      restricted.bitwiseOr(bit, ordering: .relaxed)
    } else {
      restricted.bitwiseAnd(~bit, ordering: .relaxed)
    }
    publish()
  }

  private func publish() {
    inspected.store(inspectsAll ? .max : restricted.load(ordering: .relaxed), ordering: .relaxed)
  }

  /// The vnets in which a protocol is enabled.
  func list(of number: Int) -> [Int] {
    (0..<Self.limit).filter { isEnabled(number, in: $0) }
  }
}

/// The vnet of a packet.
@inline(__always)
func vnet(of m: UnsafeMutablePointer<mbuf>) -> Int {
  unsafe m.pointee.m_pkthdr.rcvif.map { unsafe Int($0.pointee.if_vnet) } ?? 0
}
