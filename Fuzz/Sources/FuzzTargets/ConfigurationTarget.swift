import ControlPlane

/// The configuration file: its text.
final class ConfigurationTarget: FuzzTarget {
  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    try FileBytes.withFile(input) { path throws(FuzzFinding) in
      do throws(ControlError) {
        _ = try RunConfiguration(file: path)
      } catch {
        if !error.description.hasPrefix(path) { throw FuzzFinding("an error that names no file: \(error)") }
      }
    }
  }
}
