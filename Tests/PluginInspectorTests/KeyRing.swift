import Foundation
import Glibc
import Testing

import PluginInspector

/// A signed plugin, the key that signed it, and a directory of keys, in a folder of their own.
struct KeyRing {
  let workshop = try! Workshop()
  let plugin: String
  /// The number of the key that signs.
  let id: KeyID

  var signature: String { plugin + ".sig" }
  var keys: String { workshop.path("keys") }
  var secret: String { workshop.path("good.sec") }

  init() throws {
    plugin = workshop.path("good.so")
    id = try SecretKey.makeFiles(prefix: workshop.path("good")).id
    try Self.write(goodPlugin, to: plugin)
    mkdir(keys, 0o755)
    rename(workshop.path("good.pub"), keys + "/good.pub")
    try sign()
  }

  func sign() throws { _ = try SecretKey(file: secret).sign(file: plugin) }

  /// Files as tests want them, whatever umask there is.
  static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    chmod(path, mode)
  }

  /// A text in the form that keys and signatures have.
  static func armored(_ bytes: [UInt8], comment: String = "untrusted comment: a test") -> [UInt8] {
    Array("\(comment)\n\(Data(bytes).base64EncodedString())\n".utf8)
  }

  func inspect(isRequired: Bool = true, keys: String? = nil) throws -> InspectionReport {
    var policy = InspectionPolicy(isHostSanitized: false)
    policy.signatures = SignaturePolicy(keys: keys ?? self.keys, isRequired: isRequired)
    return try Inspector(policy: policy).inspect(path: plugin)
  }

  /// The one reason for which it is refused, without the folder's name.
  func refusal(isRequired: Bool = true, keys: String? = nil) throws -> String {
    let report = try inspect(isRequired: isRequired, keys: keys)
    #expect(report.verdict == .refused)
    #expect(report.signedBy == nil)
    #expect(report.problems.map(\.check) == [.signature], "\(report.problems)")
    return report.problems[0].message.replacingOccurrences(of: workshop.directory.path + "/", with: "")
  }
}
