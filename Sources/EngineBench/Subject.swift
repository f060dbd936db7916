/// Something that is measured; the raw value is its name on the command line and in JSON.
public enum Subject: String, CaseIterable, Sendable {
  /// See `Form`.
  case direct
  /// See `Form`.
  case directBatch = "direct_batch"
  /// See `Form`.
  case hybrid
  /// See `Form`.
  case hybridBatch = "hybrid_batch"
  /// See `Form`.
  case deferred
  /// See `Form`.
  case deferredBatch = "deferred_batch"
  /// Deferred dispatch of one protocol from two senders, on both CPUs.
  case twoSenders = "two_senders"
  /// Allocation of packet memory.
  case memory
  /// Run to completion on two CPUs against one.
  case scaling
  /// From dispatch to handler, at 1,000 packets/s.
  case latency
  /// CPU time without traffic.
  case idle

  /// The form of that name.
  var form: Form? { Form(rawValue: rawValue) }
}
