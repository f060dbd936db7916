import CNetISR
import NetISR
import PluginHost

extension Host {
  /// All settings with their values now.
  public func settings() -> SettingList {
    SettingList(settings: allSettings().map(\.model))
  }

  /// One setting. Throws, with a suggestion, when there is none of that name.
  public func setting(named name: String) throws(ControlError) -> SettingValue {
    try findSetting(name).model
  }

  /// Changes a setting at once.
  public func set(_ name: String, to value: String) throws(ControlError) -> SettingChange {
    let setting = try findSetting(name)
    switch setting.access {
    case .readOnly(let reason):
      throw ControlError(.conflict, "\(name) can't be changed: \(reason)")
    case .writable(let change):
      try change(value)
      return SettingChange(name: name, old: setting.value, value: try findSetting(name).value)
    }
  }

  private func findSetting(_ name: String) throws(ControlError) -> Setting {
    let all = allSettings()
    if let found = all.first(where: { $0.name == name }) { return found }
    let hint = NearMiss.best(for: name, among: all.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
    throw ControlError(.notFound, "no setting '\(name)'\(hint)")
  }

  private func allSettings() -> [Setting] {
    (engineSettings() + engine.protocolStatistics().flatMap(protocolSettings) + pluginSettings()).sorted {
      $0.name < $1.name
    }
  }

  private func engineSettings() -> [Setting] {
    let configuration = engine.configuration
    let fixed = "it is fixed when the host starts"
    return [
      Setting(
        name: "net.isr.dispatch", value: engine.dispatchPolicy.name,
        access: .writable { [engine] text throws(ControlError) in
          do throws(EngineError) {
            try engine.setDispatchPolicy(named: text)
          } catch {
            throw ControlError(.badRequest, "net.isr.dispatch: \(error)")
          }
        }),
      Setting(
        name: "net.isr.maxthreads", value: "\(engine.maxThreads)",
        access: .writable { [engine] text throws(ControlError) in
          let limit = engine.configuration.cpuCount
          let count = try Setting.number(text, for: "net.isr.maxthreads", in: -1...limit)
          do throws(EngineError) {
            try engine.setWorkerCount(count)
          } catch {
            throw ControlError(.badRequest, "net.isr.maxthreads: \(error)")
          }
        }),
      Setting(
        name: "net.isr.accounting", value: engine.isAccounting ? "1" : "0",
        access: .writable { [engine] text throws(ControlError) in
          engine.isAccounting = try Setting.number(text, for: "net.isr.accounting", in: 0...1) == 1
        }),
      Setting(
        name: "net.isr.mbufdebug", value: engine.checksMbufs ? "1" : "0",
        access: .writable { [engine] text throws(ControlError) in
          engine.checksMbufs = try Setting.number(text, for: "net.isr.mbufdebug", in: 0...1) == 1
        }),
      Setting(
        name: "net.isr.numthreads", value: "\(engine.workerCount)",
        access: .readOnly("it follows from net.isr.maxthreads")),
      Setting(
        name: "net.isr.bindthreads", value: engine.bindsWorkers ? "1" : "0",
        access: .writable { [engine] text throws(ControlError) in
          let isBound = try Setting.number(text, for: "net.isr.bindthreads", in: 0...1) == 1
          do throws(EngineError) {
            try engine.setBinding(isBound)
          } catch {
            throw ControlError(.failed, "net.isr.bindthreads: \(error)")
          }
        }),
      Setting(
        name: "net.isr.polling", value: engine.polls ? "1" : "0",
        access: .writable { [engine] text throws(ControlError) in
          engine.setPolling(try Setting.number(text, for: "net.isr.polling", in: 0...1) == 1)
        }),
      Setting(
        name: "net.isr.watchdog", value: "\(engine.watchdogBound / 1_000_000)",
        access: .writable { [engine] text throws(ControlError) in
          engine.watchdogBound =
            UInt64(try Setting.number(text, for: "net.isr.watchdog", in: 0...3_600_000)) * 1_000_000
        }),
      Setting(
        name: "net.isr.onfault", value: plugins.faultResponse.rawValue,
        access: .writable { [plugins] text throws(ControlError) in
          guard let response = FaultResponse(rawValue: text) else {
            let known = FaultResponse.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControlError(.badRequest, "net.isr.onfault: expected one of \(known), found '\(text)'")
          }
          plugins.faultResponse = response
        }),
      Setting(
        name: "net.isr.faultrestarts", value: "\(plugins.restartLimit)",
        access: .writable { [plugins] text throws(ControlError) in
          plugins.restartLimit = try Setting.number(text, for: "net.isr.faultrestarts", in: 0...1000)
        }),
      Setting(
        name: "net.isr.probe", value: probesPlugins ? "1" : "0",
        access: .writable { [self] text throws(ControlError) in
          probesPlugins = try Setting.number(text, for: "net.isr.probe", in: 0...1) == 1
        }),
      Setting(name: "net.isr.defaultqlimit", value: "\(configuration.defaultQueueLimit)", access: .readOnly(fixed)),
      Setting(name: "net.isr.maxqlimit", value: "\(configuration.maxQueueLimit)", access: .readOnly(fixed)),
      Setting(name: "net.isr.maxprot", value: "\(NETISR_MAXPROT)", access: .readOnly("it is part of the contract")),
      Setting(
        name: "net.mbufs.limit", value: "\(engine.mbufLimit)",
        access: .writable { [engine] text throws(ControlError) in
          engine.mbufLimit = try Setting.number(text, for: "net.mbufs.limit", in: 0...(1 << 40))
        }),
    ]
  }

  /// What plugins have defined (sysctl.h).
  private func pluginSettings() -> [Setting] {
    engine.pluginSettings().map { setting in
      Setting(
        name: setting.name, value: "\(setting.value)",
        access: .writable { [engine] text throws(ControlError) in
          let bounds = Int(setting.bounds.lowerBound)...Int(setting.bounds.upperBound)
          let number = try Setting.number(text, for: setting.name, in: bounds)
          // A new generation may have made the bounds narrower since.
          guard engine.setPluginSetting(setting.name, to: Int64(number)) else {
            throw ControlError(.conflict, "\(setting.name): \(number) is not within its bounds any more")
          }
        })
    }
  }

  private func protocolSettings(_ statistics: ProtocolStatistics) -> [Setting] {
    let prefix = "net.isr.proto.\(statistics.name)"
    return [
      Setting(
        name: "\(prefix).qlimit", value: "\(statistics.queueLimit)",
        access: .writable { [engine] text throws(ControlError) in
          let limit = try Setting.number(
            text, for: "\(prefix).qlimit", in: 0...engine.configuration.maxQueueLimit)
          try Self.change(prefix) { () throws(EngineError) in
            try engine.setQueueLimit(of: statistics.proto, to: limit)
          }
        }),
      Setting(
        name: "\(prefix).dispatch", value: statistics.dispatch.name,
        access: .writable { [engine] text throws(ControlError) in
          guard let dispatch = Dispatch(named: text) else {
            throw ControlError(
              .badRequest, "\(prefix).dispatch: expected default, direct, hybrid or deferred, found '\(text)'")
          }
          try Self.change(prefix) { () throws(EngineError) in
            try engine.setDispatchPolicy(of: statistics.proto, to: dispatch)
          }
        }),
      Setting(
        name: "\(prefix).policy", value: statistics.policy.name,
        access: .readOnly("the policy is the plugin's to choose")),
    ]
  }

  /// The protocol may have been unloaded meanwhile.
  private static func change(_ prefix: String, _ body: () throws(EngineError) -> Void) throws(ControlError) {
    do throws(EngineError) {
      try body()
    } catch {
      throw ControlError(.conflict, "\(prefix): \(error)")
    }
  }
}
