import Foundation
import TestSupport

/// A folder for one test, with a plugin directory in it.
struct Workbench {
  let path: String
  var plugins: String { path + "/plugins.d" }

  /// Runs `body` with a new folder whose plugin directory has the shipped plugins of these names.
  static func with<T>(plugins names: [String], _ body: (Workbench) throws -> T) throws -> T {
    try Fixtures.withTemporaryDirectory { path in
      let bench = Workbench(path: path)
      try FileManager.default.createDirectory(atPath: bench.plugins, withIntermediateDirectories: false)
      for name in names { try bench.drop(Fixtures.plugin(name), as: name + ".so") }
      return try body(bench)
    }
  }

  /// Puts a copy of a file into the plugin directory in one step, in the place of what is there.
  func drop(_ source: String, as name: String) throws {
    let staged = path + "/staged-" + name
    try? FileManager.default.removeItem(atPath: staged)
    try FileManager.default.copyItem(atPath: source, toPath: staged)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: staged)
    guard rename(staged, plugins + "/" + name) == 0 else { throw POSIXError(.EIO) }
  }

  /// Writes a file and returns its path.
  func write(_ bytes: [UInt8], as name: String) throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// Compiles a build of the plugin "probe" (protocol 11), outside of the plugin directory.
  func compileProbe(build: Int) throws -> String {
    let file = path + "/probe-\(build).so"
    try CPlugin.compile(CPlugin.probe(build: build), to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
    return file
  }
}
