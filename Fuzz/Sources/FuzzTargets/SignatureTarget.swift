import PluginInspector

/// The text of a signature's file. One that is taken says the same when it is written again.
final class SignatureTarget: FuzzTarget {
  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    guard let signature = Self.read(input) else { return }
    if Self.read(signature.text) != signature {
      throw FuzzFinding("a signature that changes when it is written and read")
    }
  }

  private static func read(_ text: [UInt8]) -> Signature? {
    do throws(TrustError) { return try Signature(text, at: "input.sig") } catch { return nil }
  }
}
