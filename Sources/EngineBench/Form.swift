import CNetISR

/// A way of handing packets to a protocol.
public enum Form: String, CaseIterable, Sendable, Encodable {
  /// The handler is called at once.
  case direct
  /// The same, 32 packets a call.
  case directBatch = "direct_batch"
  /// The handler is called at once in the worker's place: packets of the sender's own workstream, its worker idle.
  case hybrid
  /// The same, 32 packets a call.
  case hybridBatch = "hybrid_batch"
  /// Queued to a worker on another CPU.
  case deferred
  /// The same, 32 packets a call.
  case deferredBatch = "deferred_batch"

  /// Whether 32 packets go in one call.
  var isBatch: Bool { self == .directBatch || self == .hybridBatch || self == .deferredBatch }

  /// Whether packets are handled on another CPU than the sender's.
  var crossesCores: Bool { self == .deferred || self == .deferredBatch }

  /// The dispatch policy that its protocol registers.
  var dispatch: Int32 {
    switch self {
    case .direct, .directBatch: NETISR_DISPATCH_DIRECT
    case .hybrid, .hybridBatch: NETISR_DISPATCH_HYBRID
    case .deferred, .deferredBatch: NETISR_DISPATCH_DEFERRED
    }
  }
}

/// Where a form's packets come from.
public enum Supply: String, CaseIterable, Sendable, Encodable {
  /// 32,768 mbufs sent over and over, in the order of their addresses.
  case sequential
  /// The same ones in a random order, the same in every run: what a long-running host has, and nothing that the CPU can
  /// foresee.
  case shuffled
  /// Each packet is allocated by the sender and freed by the handler (m_gethdr, m_freem).
  case allocated
}
