/// Stub.
final class TableRegistry: Sendable {
}
