import ControlPlane
import PluginInspector

/// A policy's file, and what it says of a good plugin: patterns meet names there.
final class PolicyTarget: FuzzTarget {
  private let plugin: [UInt8]

  init(plugin path: String) throws(FuzzFinding) { plugin = try FileBytes.read(path) }

  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    var policy = InspectionPolicy()
    try FileBytes.withFile(input) { path throws(FuzzFinding) in
      do throws(ControlError) {
        try PolicyFile.read(path, into: &policy)
      } catch {
        if !error.description.hasPrefix(path) { throw FuzzFinding("an error that names no file: \(error)") }
      }
    }
    try InspectorTarget.check(
      Inspector(policy: policy).inspect(bytes: plugin, fileName: "input"), isStrict: policy.isStrict)
  }
}
