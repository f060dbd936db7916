import PluginInspector

/// Which plugins are taken, as it is said on a command line or in a configuration file: nil is "not said".
public struct TrustConfiguration: Sendable {
  /// Whether notes refuse a plugin. Where the policy file says so too, it need be said only once.
  public var isStrict: Bool?
  /// The policy file.
  public var policy: String?
  /// The directory of the public keys.
  public var keys: String?
  /// Whether a plugin without a signature is refused.
  public var requiresSignatures: Bool?

  /// Nothing said.
  public init() {}

  /// What is said here; where nothing is, what `other` says.
  func over(_ other: TrustConfiguration) -> TrustConfiguration {
    var both = self
    both.isStrict = isStrict ?? other.isStrict
    both.policy = policy ?? other.policy
    both.keys = keys ?? other.keys
    both.requiresSignatures = requiresSignatures ?? other.requiresSignatures
    return both
  }

  /// The keys of a configuration file that have another value here.
  func changes(from old: TrustConfiguration) -> [String] {
    var names: [String] = []
    if old.isStrict != isStrict { names.append("strict") }
    if old.policy != policy { names.append("policy") }
    if old.keys != keys { names.append("keys") }
    if old.requiresSignatures != requiresSignatures { names.append("require-signatures") }
    return names
  }

  /// What an inspector goes by. Reads the policy file, once, and looks at all keys, so that what is wrong with them is said
  /// before any plugin is.
  public func inspectionPolicy() throws(ControlError) -> InspectionPolicy {
    var inspection = InspectionPolicy()
    if let policy { try PolicyFile.read(policy, into: &inspection) }
    if let isStrict { inspection.isStrict = isStrict }
    guard let keys else {
      if requiresSignatures == true {
        throw ControlError(.badRequest, "require-signatures: expected a directory of keys (--keys), found none")
      }
      return inspection
    }
    let directory = CanonicalPath.of(folder: keys)
    do throws(TrustError) {
      if let problem = try TrustedKeys(directory).problems.first { throw problem }
    } catch {
      throw ControlError(.failed, "keys: \(error)")
    }
    inspection.signatures = SignaturePolicy(keys: directory, isRequired: requiresSignatures ?? false)
    return inspection
  }
}
