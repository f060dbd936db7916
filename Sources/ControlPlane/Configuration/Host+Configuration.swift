import NetISR

extension Host {
  /// Makes the interfaces and settings of a configuration, after the plugins were loaded. Devices that are not there are
  /// waited for; a wrong setting, or a capture that can't be read, is an error.
  public func begin(_ configuration: RunConfiguration) throws(ControlError) {
    for setting in configuration.settings { _ = try set(setting.name, to: setting.value) }
    for interface in configuration.interfaces { try start(interface, isPatient: true) }
  }

  /// Goes over from one configuration to another: interfaces come and go, settings change. One that fails is no reason
  /// not to do the others; answers a line for each thing that was done, and for each that failed.
  public func change(from old: RunConfiguration, to new: RunConfiguration) -> (done: [String], failed: [String]) {
    var done: [String] = []
    var failed: [String] = []
    func attempt(_ line: String, _ body: () throws(ControlError) -> Void) {
      do throws(ControlError) {
        try body()
        done.append(line)
      } catch {
        failed.append(error.description)
      }
    }
    let (before, after) = (old.interfaces.map(\.text), new.interfaces.map(\.text))
    for text in before where !after.contains(text) {
      attempt("interface \(text): removed") { () throws(ControlError) in try interfaces.remove(spec: text) }
    }
    for interface in new.interfaces where !before.contains(interface.text) {
      attempt("interface \(interface.text): added") { () throws(ControlError) in
        try start(interface, isPatient: true)
      }
    }
    for setting in changes(from: old, to: new) {
      attempt("\(setting.name): set to \(setting.value)") { () throws(ControlError) in
        _ = try set(setting.name, to: setting.value)
      }
    }
    for name in Self.fixed(old, new) {
      failed.append("\(name) can't be changed while the host runs: start it anew")
    }
    return (done, failed)
  }

  /// What has another value in the new configuration.
  private func changes(from old: RunConfiguration, to new: RunConfiguration) -> [(name: String, value: String)] {
    var changes: [(name: String, value: String)] = []
    if let dispatch = new.dispatch, dispatch != old.dispatch { changes.append(("net.isr.dispatch", dispatch.rawValue)) }
    if let threads = new.threads, threads != old.threads { changes.append(("net.isr.maxthreads", "\(threads)")) }
    if let bind = new.bind, bind != old.bind { changes.append(("net.isr.bindthreads", bind ? "1" : "0")) }
    if let poll = new.poll, poll != old.poll { changes.append(("net.isr.polling", poll ? "1" : "0")) }
    if let probe = new.probe, probe != old.probe { changes.append(("net.isr.probe", probe ? "1" : "0")) }
    for setting in new.settings where !old.settings.contains(where: { $0 == setting }) { changes.append(setting) }
    return changes
  }

  private static func fixed(_ old: RunConfiguration, _ new: RunConfiguration) -> [String] {
    var names: [String] = []
    if old.plugins != new.plugins { names.append("plugins") }
    if old.control != new.control { names.append("control") }
    if old.faults != new.faults { names.append("faults") }
    if old.logLevel != new.logLevel { names.append("log-level") }
    names += new.trust.changes(from: old.trust)
    return names
  }
}
