/// Stub.
final class TableRegistry: Sendable {
  func purgeAll() {}
}
