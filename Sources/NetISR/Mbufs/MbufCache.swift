/// Stub.
struct MbufCache {
  init(pool: MbufPool) {}
  mutating func flush() {}
}
/// Stub.
final class MbufPool: Sendable {
  init(limit: Int) {}
}
