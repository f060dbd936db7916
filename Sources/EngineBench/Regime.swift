/// How far the sender's and the worker's CPU are from each other, by the round trip of a cache line between them.
public enum Regime: String, CaseIterable, Sendable, Encodable {
  /// Less than 200 ns.
  case near
  /// 200 ns or more.
  case far
  /// Sender and worker share a CPU, for there is one only.
  case sameCPU = "same_cpu"
  /// Nothing crosses from one CPU to another.
  case local

  /// The regime of a round trip, in ns.
  init(roundTrip: Double) {
    self = roundTrip < 200 ? .near : .far
  }
}
