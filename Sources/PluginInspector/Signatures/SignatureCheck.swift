/// Whether somebody whose key the host has vouches for exactly these bytes.
enum SignatureCheck {
  /// The key of the signature, if it is good.
  static func check(
    _ bytes: UnsafeRawBufferPointer, _ file: SignatureFile?, _ policy: SignaturePolicy, _ findings: inout Findings
  ) -> KeyID? {
    do throws(TrustError) {
      guard let file, let text = try file.text else {
        if policy.isRequired {
          findings.add(.signature, "expected a signature\(file.map { " in \($0.path)" } ?? ""), found none")
        }
        return nil
      }
      let signature = try Signature(text, at: file.path)
      let keys = try TrustedKeys(policy.keys)
      guard let key = keys[signature.keyID] else {
        let known = keys.ids.map(\.description).joined(separator: ", ")
        let unusable = keys.problems.map { "; \($0)" }.joined()
        findings.add(
          .signature,
          """
          \(file.path): expected a signature by a key in \(keys.directory) (\(known.isEmpty ? "none" : known)), found one \
          by the unknown key \(signature.keyID)\(unusable)
          """)
        return nil
      }
      guard unsafe Ed25519.verify(signature.bytes, of: bytes, by: key.bytes) else {
        findings.add(
          .signature,
          "\(file.path): expected a signature of these bytes by key \(key.id), found one of other bytes")
        return nil
      }
      return key.id
    } catch {
      findings.add(.signature, error.description)
      return nil
    }
  }
}
