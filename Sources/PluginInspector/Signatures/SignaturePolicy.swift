/// Whose signatures count, and whether there must be one.
public struct SignaturePolicy: Sendable, Equatable {
  /// The directory of the public keys, see ``TrustedKeys``.
  public var keys: String
  /// Whether a file without a signature is refused. One that has a signature needs a good one in any case.
  public var isRequired: Bool

  /// Signatures by the keys of a directory.
  public init(keys: String, isRequired: Bool) {
    self.keys = keys
    self.isRequired = isRequired
  }
}
