import CNetISR
import Foundation
import Logging
import NetISR
import PluginHost

/// An engine of one's own, driven by hand on the calling thread, with shipped plugins loaded through the real host.
/// Every protocol number without a plugin is taken by a handler that records what it is given.
public final class Harness {
  /// A packet that was handed to a protocol that is not loaded here.
  public struct RecordedPacket {
    /// All of its data.
    public var bytes: [UInt8]
    /// m_flags.
    public var flags: UInt32
    /// The tag in its packet header.
    public var vlanTag: UInt16?
    /// Its flow id, if it has one.
    public var flowID: UInt32?
    /// Where it came in.
    public var interfaceIndex: UInt32?
    /// When, in ns.
    public var time: UInt64
    /// Where it is to be sent, of one that was handed over for address resolution: 4 or 16 bytes.
    public var nextHop: [UInt8]?
  }

  /// The engine.
  public let engine: Engine
  /// The host that loaded the plugins.
  public let host: PluginHost
  /// The interface of packets that name no other: listens only, with a clock of its own, as a capture's.
  public let interface: UnsafeMutablePointer<ifnet>
  private var recorded: [Int32: [RecordedPacket]] = [:]

  /// Loads `lib<name>.so` for each name. Direct dispatch, one CPU, unless told otherwise.
  public init(plugins: [String], cpus: Int = 1, dispatch: Dispatch = .direct, mbufLimit: Int = 64 << 20) throws {
    var configuration = Engine.Configuration(cpuCount: cpus, dispatch: dispatch, mbufLimit: mbufLimit)
    configuration.hasManualTime = true
    engine = Engine(configuration)
    engine.advanceClock(0, to: Self.beginning)
    var logger = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .critical
    host = PluginHost(engine: engine, logger: logger)
    interface = engine.interfaces.make(
      name: "test0", type: IFT_ETHER, flags: UInt32(IFNET_MONITOR), mtu: 65535, ownClock: true)!
    for name in plugins { try host.load(Fixtures.plugin(name)) }
    let taken = Set(engine.protocolStatistics().map { Int32($0.proto) })
    for proto in Int32(1)...10 where !taken.contains(proto) {
      try engine.register(
        proto, named: "recorder\(proto)", dispatch: .direct,
        TestHandler { [unowned self] m in
          self.recorded[proto, default: []].append(Self.record(m))
          m_freem(m)
        })
    }
  }

  /// What the host's clock shows at first: nanoseconds since the epoch.
  public static let beginning: UInt64 = 1_000_000_000_000_000_000

  /// Lets time pass on the host's clock, in nanoseconds, and calls the callouts that are due, each at its time if time
  /// passes in `step`s.
  public func pass(_ duration: UInt64, step: UInt64 = .max) {
    var left = duration
    repeat {
      let part = min(left, step)
      left -= part
      engine.withAttachedThread { engine.advanceClock(0, to: netisr_time() + part) }
      engine.runCallouts()
    } while left > 0
  }

  /// Lets a capture's clock show a time, that of `interface` unless told otherwise, and calls the callouts that are due.
  public func advance(to time: UInt64, interface: UnsafeMutablePointer<ifnet>? = nil) {
    let clock = (interface ?? self.interface).pointee.if_clock
    guard clock != 0 else { return }
    engine.advanceClock(clock, to: time)
    engine.runCallouts()
  }

  /// Hands a packet to a protocol, by its dispatch policy, when its interface's clock shows `time`; returns
  /// netisr_dispatch_src's result.
  ///
  /// - Parameters:
  ///   - split: lengths of the chain's first mbufs; the rest follows in one more. Empty: one mbuf, or as few as it takes.
  ///   - wireLength: bytes on the wire, if the capture cut the packet.
  ///   - flags: added to m_flags.
  @discardableResult
  public func input(
    _ proto: Int32, _ bytes: [UInt8], time: UInt64 = 1_000_000_000, split: [Int] = [],
    interface: UnsafeMutablePointer<ifnet>? = nil, wireLength: Int? = nil, source: UInt = 0, flags: UInt32 = 0
  ) -> Int32 {
    advance(to: time, interface: interface)
    return engine.withAttachedThread {
      guard let m = Self.makeChain(bytes, split: split) else { return ENOBUFS }
      m.pointee.m_pkthdr.rcvif = interface ?? self.interface
      m.pointee.m_pkthdr.rcv_tstmp = time
      m.pointee.m_pkthdr.wirelen = UInt32(wireLength ?? bytes.count)
      m.pointee.m_flags |= flags
      return netisr_dispatch_src(UInt32(proto), source, m)
    }
  }

  /// What was handed to a protocol that is not loaded, in order.
  public func delivered(to proto: Int32) -> [RecordedPacket] { recorded[proto] ?? [] }

  /// Forgets what was recorded.
  public func clearDelivered() { recorded = [:] }

  /// The counter "group.name"; 0 when nobody has defined it.
  public func counter(_ name: String) -> UInt64 { engine.counterValue(named: name) ?? 0 }

  /// All counters of a group that are not 0.
  public func counters(_ group: String) -> [String: UInt64] {
    Dictionary(
      uniqueKeysWithValues: engine.counterSnapshot().filter { $0.group == group && $0.value != 0 }.map {
        ($0.name, $0.value)
      })
  }

  /// mbufs that somebody holds: 0 when nothing is queued and no table holds packets.
  public var mbufsInFlight: Int { Int(engine.mbufStatistics.mbufs.inFlight) }

  /// The flow id that a protocol's nh_m2flow gives a packet; nil when it sets none. The packet itself is not handled.
  public func flowID(_ plugin: String, _ bytes: [UInt8], split: [Int] = []) throws -> UInt32? {
    // Two workstreams, so that the policy is asked at all; queued, and looked at in the queue's order by a recorder.
    let other = try Harness(plugins: [plugin], cpus: 2, dispatch: .deferred)
    var found: UInt32?
    other.engine.onDrop = { m, _ in
      found = m.pointee.m_pkthdr.rsstype == 0 ? nil : m.pointee.m_pkthdr.flowid
    }
    let proto = other.host.plugin(named: plugin)!.proto!
    other.engine.withAttachedThread {
      let m = Self.makeChain(bytes, split: split)!
      m.pointee.m_pkthdr.rcvif = other.interface
      m.pointee.m_pkthdr.wirelen = UInt32(bytes.count)
      _ = netisr_queue(proto, m)
    }
    try other.engine.unregister(proto, .purge)
    return found
  }

  /// Swaps a plugin for a new generation of the same file.
  public func reload(_ name: String) throws { try host.reload(name) }

  /// Runs every worker until nothing is queued.
  public func drain() {
    while !engine.isDrained {
      for cpu in 0..<engine.workerCount { engine.runWorker(cpu) }
    }
  }

  /// A chain with a packet header, cut as told; nil when memory ran out.
  public static func makeChain(_ bytes: [UInt8], split: [Int] = []) -> UnsafeMutablePointer<mbuf>? {
    guard !split.isEmpty else {
      guard let m = m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else { return nil }
      return append(bytes[...], to: m) ? m : nil
    }
    var rest = bytes[...]
    var head: UnsafeMutablePointer<mbuf>?
    for length in split + [bytes.count] {
      let part = rest.prefix(length)
      rest = rest.dropFirst(length)
      guard let piece = m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else {
        m_freem(head)
        return nil
      }
      guard append(part, to: piece) else {
        m_freem(head)
        return nil
      }
      guard let first = head else {
        head = piece
        continue
      }
      // By hand: m_cat would copy a small piece into the one before.
      var last = first
      while let next = last.pointee.m_next { last = next }
      last.pointee.m_next = piece
      piece.pointee.m_flags &= ~M_PKTHDR
      first.pointee.m_pkthdr.len += piece.pointee.m_pkthdr.len
      if rest.isEmpty { break }
    }
    return head
  }

  private static func append(_ bytes: ArraySlice<UInt8>, to m: UnsafeMutablePointer<mbuf>) -> Bool {
    let done = bytes.withUnsafeBytes { buffer in
      buffer.isEmpty || m_append(m, Int32(buffer.count), buffer.baseAddress!.assumingMemoryBound(to: CChar.self)) == 1
    }
    if !done { m_freem(m) }
    return done
  }

  private static func record(_ m: UnsafeMutablePointer<mbuf>) -> RecordedPacket {
    var bytes = [UInt8](repeating: 0, count: Int(m.pointee.m_pkthdr.len))
    let error = m_copydata(m, 0, Int32(bytes.count), &bytes)
    precondition(error == 0, "m_pkthdr.len says more than the chain has")
    let header = m.pointee.m_pkthdr
    return RecordedPacket(
      bytes: bytes, flags: m.pointee.m_flags,
      vlanTag: m.pointee.m_flags & M_VLANTAG != 0 ? header.ether_vtag : nil,
      flowID: header.rsstype == 0 ? nil : header.flowid, interfaceIndex: header.rcvif?.pointee.if_index,
      time: header.rcv_tstmp, nextHop: nextHop(m))
  }

  private static func nextHop(_ m: UnsafeMutablePointer<mbuf>) -> [UInt8]? {
    guard m.pointee.m_flags & M_NEXTHOP != 0 else { return nil }
    return withUnsafeBytes(of: &m.pointee.m_pkthdr.ph_loc) { words in
      let hop = words.load(as: if_nexthop.self)
      return withUnsafeBytes(of: hop.nh_addr) { Array($0.prefix(hop.nh_family == 4 ? 4 : 16)) }
    }
  }
}
