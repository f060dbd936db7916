import PluginHost

extension Host {
  /// Whether each plugin is tried out before it is loaded. (net.isr.probe) [any thread]
  var probesPlugins: Bool {
    get { plugins.examination != nil }
    set { plugins.examination = newValue ? Self.examine : nil }
  }

  /// Why bytes that were inspected are refused; none: they are not.
  private static func examine(_ bytes: [UInt8], _ path: String) -> [String] {
    do throws(ControlError) {
      let report = try Probe().run(bytes, as: path)
      return report.reasons.map { "probe: \($0)" }
    } catch {
      return ["probe: \(error)"]
    }
  }
}
