import CNetISR
import Glibc
import Testing

@testable import NetISR

@Suite struct SettingTests {
  let engine = Engine()
  let ip = PluginIdentity(name: "ip", stateVersion: 1)

  /// Defines a setting as `plugin` registers; an errno value and the handle.
  func define(
    _ name: String = "net.inet.ip.ttl", _ initial: Int64 = 64, _ bounds: ClosedRange<Int64> = 1...255,
    by plugin: PluginIdentity
  ) -> (error: Int32, setting: OpaquePointer?) {
    var setting: OpaquePointer? = OpaquePointer(bitPattern: 1)
    let error = engine.withRegistration(of: plugin) {
      name.withCString { name in
        var spec = sysctl_spec(
          ss_name: name, ss_default: initial, ss_min: bounds.lowerBound, ss_max: bounds.upperBound, ss_spare: 0)
        return sysctl_define(&spec, &setting)
      }
    }
    return (error, setting)
  }

  @Test func aSetValueSurvivesGenerations() {
    engine.withAttachedThread {
      let first = define(by: ip)
      #expect(first.error == 0 && sysctl_value(first.setting) == 64)
      #expect(engine.pluginSettings().isEmpty, "listed before the plugin is complete")
      #expect(!engine.setPluginSetting("net.inet.ip.ttl", to: 5))
      _ = engine.commitRegistration(ip)
      #expect(engine.pluginSettings().map(\.name) == ["net.inet.ip.ttl"])
      #expect(engine.setPluginSetting("net.inet.ip.ttl", to: 5) && sysctl_value(first.setting) == 5)
      #expect(!engine.setPluginSetting("net.inet.ip.ttl", to: 0) && !engine.setPluginSetting("net.inet.ip.tt", to: 9))

      // The next generation has other bounds; they hold when it is complete.
      let second = define("net.inet.ip.ttl", 100, 10...200, by: ip)
      #expect(second.error == 0 && second.setting == first.setting && sysctl_value(second.setting) == 5)
      _ = engine.commitRegistration(ip)
      #expect(sysctl_value(second.setting) == 10, "the nearest within the bounds")
      #expect(engine.pluginSettings().map(\.bounds) == [10...200])
    }
  }

  @Test func anUnsetValueFollowsTheDefault() {
    engine.withAttachedThread {
      let setting = define(by: ip).setting
      _ = engine.commitRegistration(ip)
      _ = define("net.inet.ip.ttl", 32, by: ip)
      engine.abortRegistration(ip)
      #expect(sysctl_value(setting) == 64, "a generation that failed changes nothing")
      _ = define("net.inet.ip.ttl", 32, by: ip)
      _ = engine.commitRegistration(ip)
      #expect(sysctl_value(setting) == 32)
    }
  }

  @Test func othersNamesAreTaken() {
    let other = PluginIdentity(name: "other", stateVersion: 1)
    engine.withAttachedThread {
      _ = define(by: ip)
      #expect(define(by: other).error == EEXIST, "while it is registering")
      engine.abortRegistration(ip)
      #expect(define(by: other).error == 0, "of a registration that failed nothing remains")
      _ = engine.commitRegistration(other)
      #expect(define(by: ip).error == EEXIST)
      #expect(define("net.isr.mine", by: ip).error == EEXIST && define("net.mbufs.mine", by: ip).error == EEXIST)
    }
  }

  @Test(arguments: [
    "", "ttl", "net.", ".ttl", "net..ttl", "Net.ttl", "net.t l", String(repeating: "a", count: 60) + ".abc",
  ])
  func badNames(name: String) {
    engine.withAttachedThread {
      let result = define(name, by: ip)
      #expect(result.error == EINVAL && result.setting == nil)
    }
  }

  @Test func wrongUse() {
    engine.withAttachedThread {
      #expect(define("net.a", 5, 6...7, by: ip).error == EINVAL)
      var setting: OpaquePointer?
      "net.a".withCString { name in
        var spec = sysctl_spec(ss_name: name, ss_default: 0, ss_min: 0, ss_max: 1, ss_spare: 0)
        #expect(sysctl_define(&spec, &setting) == EINVAL, "outside of a registration")
        #expect(sysctl_define(nil, &setting) == EINVAL && sysctl_define(&spec, nil) == EINVAL)
        spec = sysctl_spec(ss_name: name, ss_default: 1, ss_min: 2, ss_max: 1, ss_spare: 0)
        #expect(engine.withRegistration(of: ip) { sysctl_define(&spec, &setting) } == EINVAL, "no bounds at all")
      }
      #expect(sysctl_value(nil) == 0)
    }
  }
}
