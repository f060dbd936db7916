import CNetISR
import Glibc
import NetISR

/// Something that is done over and over; the raw value is its name in thresholds.json.
enum Workload: String, CaseIterable {
  case direct
  case directBatch = "direct_batch"
  case hybrid
  case hybridBatch = "hybrid_batch"
  /// The sender's part and the worker's: 1,024 packets are queued, then the worker runs on the same thread.
  case deferred
  case deferredBatch = "deferred_batch"
  /// m_gethdr and m_freem, 32 of each in turn.
  case mbuf
  /// m_getcl and m_freem.
  case cluster

  /// Packets between two runs of the worker, and mbufs that go round.
  private static let ringSize = 1024
  private static let batchSize = 32

  /// Does it `count` times, rounded up to whole rings, on this thread.
  ///
  /// The engine has two workstreams, so that the FLOW policy is asked; all packets belong to this thread's own. The handler
  /// does nothing and the sender next to nothing: what is counted is the engine.
  func run(count: Int) throws {
    let engine = Engine(Engine.Configuration(cpuCount: 2, defaultQueueLimit: 2 * Self.ringSize))
    try unsafe "null".withCString { name in
      var handler = unsafe netisr_handler()
      unsafe handler.nh_name = unsafe name
      unsafe handler.nh_handler = { _ in }
      unsafe handler.nh_proto = 11
      unsafe handler.nh_policy = UInt32(NETISR_POLICY_FLOW)
      unsafe handler.nh_dispatch = UInt32(dispatch)
      unsafe try engine.register(handler)
    }
    engine.withAttachedThread(cpu: 0) {
      let ring = UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>.allocate(capacity: Self.ringSize)
      let flow = (UInt32(0)...).first { netisr_default_flow2cpu($0) == 0 }!
      for index in 0..<Self.ringSize {
        let m = unsafe m_gethdr(M_NOWAIT, MT_DATA)!
        unsafe m.pointee.m_pkthdr.flowid = flow
        unsafe m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
        unsafe (ring + index).initialize(to: m)
      }
      for _ in stride(from: 0, to: count, by: Self.ringSize) { unsafe round(engine, ring) }
      for index in 0..<Self.ringSize { unsafe m_freem(ring[index]) }
      unsafe ring.deallocate()
    }
  }

  /// Once around the ring.
  private func round(_ engine: Engine, _ ring: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>) {
    switch self {
    case .direct, .hybrid, .deferred:
      for index in 0..<Self.ringSize {
        let error = unsafe netisr_dispatch_src(11, 0, ring[index])
        precondition(error == 0, "a packet was refused: errno \(error)")
      }
    case .directBatch, .hybridBatch, .deferredBatch:
      for index in stride(from: 0, to: Self.ringSize, by: Self.batchSize) {
        let taken = unsafe netisr_dispatch_batch(11, 0, ring + index, UInt32(Self.batchSize))
        precondition(taken == Self.batchSize, "packets were refused")
      }
    case .mbuf, .cluster:
      unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<mbuf>?.self, capacity: Self.batchSize) { burst in
        for _ in stride(from: 0, to: Self.ringSize, by: Self.batchSize) {
          for index in 0..<Self.batchSize {
            unsafe burst[index] =
              self == .mbuf ? m_gethdr(M_NOWAIT, MT_DATA) : m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR))
          }
          for index in 0..<Self.batchSize { unsafe m_freem(burst[index]) }
        }
      }
    }
    if dispatch == NETISR_DISPATCH_DEFERRED {
      engine.runWorker(0)
      precondition(engine.isDrained, "the worker left packets in its queue")
    }
  }

  private var dispatch: Int32 {
    switch self {
    case .direct, .directBatch, .mbuf, .cluster: NETISR_DISPATCH_DIRECT
    case .hybrid, .hybridBatch: NETISR_DISPATCH_HYBRID
    case .deferred, .deferredBatch: NETISR_DISPATCH_DEFERRED
    }
  }
}
