/// Stub.
final class CounterRegistry: Sendable {
  static let capacity = 4096
}
