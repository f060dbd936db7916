import CNetISR

/// A registered protocol, as `netstat -Q` lists it.
public struct ProtocolStatistics: Sendable {
  /// Its name.
  public var name: String
  /// Its number.
  public var proto: UInt32
  /// The limit of each of its queues, in packets.
  public var queueLimit: Int
  /// How its packets are placed.
  public var policy: Policy
  /// How its handler is called.
  public var dispatch: Dispatch
  /// Which callbacks it has: `C` nh_m2cpuid, `D` nh_drainedcpu, `F` nh_m2flow, or `-`.
  public var flags: String
  /// The vnets in which it is enabled.
  public var vnets: [Int]
}

/// One protocol's figures in one workstream.
public struct WorkStatistics: Sendable {
  /// The protocol's name.
  public var name: String
  /// The protocol's number.
  public var proto: UInt32
  /// Packets in the queue.
  public var len: Int
  /// The most packets there ever were in it.
  public var watermark: Int
  /// Packets handled directly.
  public var dispatched: UInt64
  /// Packets handled directly in the worker's place.
  public var hybridDispatched: UInt64
  /// Packets dropped for a full queue.
  public var qdrops: UInt64
  /// Packets queued.
  public var queued: UInt64
  /// Packets handled in any way.
  public var handled: UInt64
  /// What handling took; nil while accounting is off.
  public var account: AccountStatistics?
}

/// One workstream.
public struct WorkstreamStatistics: Sendable {
  /// Its number, from 0.
  public var wsid: Int
  /// The CPU that it stands for.
  public var cpu: Int
  /// The registered protocols' figures.
  public var work: [WorkStatistics]
}

/// The balance over the engine's life: received = handled + dropped + queued.
public struct Conservation: Sendable {
  /// Packets handed to protocols.
  public var received: UInt64 = 0
  /// Packets for which a handler was called.
  public var handled: UInt64 = 0
  /// Packets that the engine dropped, by reason; reasons without any are left out.
  public var dropped: [(reason: DropReason, count: UInt64)] = []
  /// Packets in queues, or taken from them and not yet counted as handled.
  public var queued: UInt64 = 0

  /// Whether it comes out even.
  public var isBalanced: Bool {
    received == handled + queued + dropped.reduce(0) { $0 + $1.count }
  }
}

extension Engine {
  /// The registered protocols, by number.
  public func protocolStatistics() -> [ProtocolStatistics] {
    state.withLock {
      registrations.indices.compactMap { number in
        guard let registration = registrations[number] else { return nil }
        // The record lives as long as it is in `registrations`.
        let record = unsafe registration.record.pointee
        return unsafe ProtocolStatistics(
          name: registration.name, proto: UInt32(number), queueLimit: registration.queueLimit, policy: record.policy,
          dispatch: record.dispatch,
          flags: (record.m2cpuid != nil ? "C" : "-") + (record.drainedcpu != nil ? "D" : "-")
            + (record.m2flow != nil ? "F" : "-"),
          vnets: vnets.list(of: number))
      }
    }
  }

  /// Every workstream's figures for each registered protocol.
  public func workstreamStatistics() -> [WorkstreamStatistics] {
    state.withLock {
      let set = sets[sets.count - 1]
      return (0..<set.count).map { wsid in
        let work = registrations.indices.compactMap { number -> WorkStatistics? in
          guard let registration = registrations[number], let row = unsafe set.row(number) else { return nil }
          let queue = unsafe row[wsid].figures
          let direct = dispatched(number, onCPU: wsid) &- registration.dispatchedBefore[wsid]
          return WorkStatistics(
            name: registration.name, proto: UInt32(number), len: queue.length, watermark: queue.watermark,
            dispatched: direct, hybridDispatched: queue.hybridDispatched, qdrops: queue.drops, queued: queue.queued,
            handled: queue.handled &+ queue.hybridDispatched &+ direct,
            account: accountStatistics(of: number, wsid: wsid, among: set.count))
        }
        return WorkstreamStatistics(wsid: wsid, cpu: wsid, work: work)
      }
    }
  }

  /// The balance now. While packets are on their way, the parts are read one after another; they are read again, up to
  /// 50 times, until they agree.
  public func conservation() -> Conservation {
    var result = readConservation()
    for _ in 0..<50 where !result.isBalanced { result = readConservation() }
    return result
  }

  private func readConservation() -> Conservation {
    var result = Conservation()
    unsafe forEachQueue { queue in
      let figures = unsafe queue.pointee.figures
      result.queued &+= UInt64(figures.length + figures.inHand)
    }
    var dropped = [UInt64](repeating: 0, count: DropReason.allCases.count)
    unsafe threads.forEach { record in
      for number in 0..<Protocols.count {
        // Received and handled in one figure.
        let atOnce =
          unsafe record.pointee.traffic.load(.dispatched, of: number)
          &+ record.pointee.traffic.load(.hybrid, of: number)
        unsafe result.received &+= atOnce &+ record.pointee.traffic.load(.received, of: number)
        unsafe result.handled &+= atOnce &+ record.pointee.traffic.load(.handled, of: number)
        for reason in DropReason.allCases {
          unsafe dropped[reason.rawValue] &+= record.pointee.traffic.load(.dropped(reason), of: number)
        }
      }
    }
    result.dropped = DropReason.allCases.compactMap { reason in
      dropped[reason.rawValue] == 0 ? nil : (reason, dropped[reason.rawValue])
    }
    return result
  }

  /// Direct dispatches of a protocol by threads that count as on a CPU.
  func dispatched(_ number: Int, onCPU cpu: Int) -> UInt64 {
    var sum: UInt64 = 0
    unsafe threads.forEach { record in
      if unsafe Int(record.pointee.cpu) == cpu {
        unsafe sum &+= record.pointee.traffic.load(.dispatched, of: number)
      }
    }
    return sum
  }

  /// Counts frames for which an interface had no mbuf, as received and dropped. [any thread]
  public func countInputFailure(proto: UInt32, frames: Int = 1) {
    guard let context = unsafe ThreadContext.current else { return }
    let number = proto < UInt32(NETISR_MAXPROT) ? Int(proto) : 0
    unsafe context.pointee.traffic.add(frames, to: .received, of: number)
    unsafe context.pointee.traffic.add(frames, to: .dropped(.nombuf), of: number)
  }
}
