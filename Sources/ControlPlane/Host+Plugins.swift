import NetISR
import PluginHost
import PluginInspector

// Load, swap and unload on request.

extension Host {
  /// Loads a plugin from a file.
  public func load(_ path: String) throws(ControlError) -> PluginSummary {
    try requireFree(path)
    do throws(PluginError) {
      return PluginSummary(try plugins.load(path))
    } catch {
      throw ControlError(.refused, error)
    }
  }

  /// Swaps a plugin for what its file has now.
  public func reload(_ name: String) throws(ControlError) -> PluginSummary {
    try requireLoaded(name)
    do throws(PluginError) {
      return PluginSummary(try plugins.reload(name))
    } catch {
      throw ControlError(.refused, error)
    }
  }

  /// Unloads a plugin, after what is queued for it was handled. Returns what is left of it: its generation `unmapped`, or
  /// `resident`.
  public func unload(_ name: String) throws(ControlError) -> PluginSummary {
    let before = try requireLoaded(name)
    do throws(PluginError) {
      try plugins.unload(name)
    } catch {
      throw ControlError(.conflict, error)
    }
    if let left = plugins.list().first(where: { $0.name == name && $0.generation == before.generation }) {
      return PluginSummary(left)
    }
    var unmapped = before
    unmapped.state = .unmapped
    return PluginSummary(unmapped)
  }

  /// A plugin that is refused would silently change what a capture comes to: all of a directory must serve.
  func requireAllPlugins(of directory: String) throws(ControlError) {
    let refused = pluginList().plugins.filter { $0.state == "refused" }
    guard refused.isEmpty else {
      let reasons = refused.map { "\($0.file): \($0.reasons.joined(separator: "; "))" }
      throw ControlError(.refused, "\(directory): refused \(reasons.joined(separator: " | "))", problems: reasons)
    }
  }

  @discardableResult
  private func requireLoaded(_ name: String) throws(ControlError) -> PluginInfo {
    if let info = plugins.plugin(named: name) { return info }
    let names = plugins.list().filter { $0.state == .serving }.compactMap(\.name)
    let hint = NearMiss.best(for: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
    throw ControlError(.notFound, "no plugin '\(name)' is loaded\(hint)")
  }

  /// That a good plugin's name is taken is no fault of its file: it is not to be listed as refused.
  private func requireFree(_ path: String) throws(ControlError) {
    guard let report = try? plugins.inspector.inspect(path: path), report.verdict == .accepted, let name = report.name,
      let other = plugins.plugin(named: name)
    else { return }
    throw ControlError(
      .conflict, "\(path): '\(name)' is served by \(other.path), generation \(other.generation): reload or unload it")
  }
}

extension ControlError {
  init(_ kind: Kind, _ error: PluginError) {
    self.init(kind, error.description, problems: error.problems)
  }
}
