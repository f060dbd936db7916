import CNetISR
import NetISR
import PluginInspector

/// One loaded build of a plugin.
@safe
final class Generation: @unchecked Sendable {
  let identity: PluginIdentity
  let number: Int
  let image: PluginImage
  /// Whose mbufs they are that it is given, or makes.
  let holder: MbufHolder
  /// What its registration function filled.
  let handler: netisr_handler

  // Guarded by the host's state lock.
  private(set) var build: PluginBuild
  var state = PluginState.loaded
  var waitingFor = 0
  var reasons: [String] = []
  /// Whether its code faulted.
  var isFaulty = false
  /// Whether a thread is in its code for ever.
  var isInhabited = false
  /// When it began to serve, in nanoseconds of a steady clock.
  var since: UInt64 = 0

  init(
    identity: PluginIdentity, number: Int, build: PluginBuild, image: PluginImage, holder: MbufHolder,
    handler: netisr_handler
  ) {
    self.holder = holder
    self.identity = identity
    self.number = number
    self.build = build
    self.image = image
    unsafe self.handler = unsafe handler
  }

  var path: String { build.path }
  var report: InspectionReport { build.report }
  var proto: UInt32 { unsafe handler.nh_proto }

  var info: PluginInfo {
    PluginInfo(
      name: identity.name, path: path, generation: number, state: state, proto: proto, buildID: image.buildID,
      sha256: report.sha256, waitingFor: waitingFor, reasons: reasons)
  }

  /// Notes that its code faulted. With the host's state lock.
  func quarantine(_ reason: String) {
    isFaulty = true
    state = .quarantined
    reasons.append(reason)
  }

  /// It serves no more: its image needs the bytes no longer. With the host's state lock.
  func forgetBytes() { build.bytes = [] }

  /// Tells the plugin that no handler of it can run any more: how that ended.
  func callUnregister(on engine: Engine) -> Engine.CallEnd {
    // Exported under this name, and inspected to be a function; the header says that it takes nothing.
    guard let symbol = unsafe image.symbol("netisr_plugin_unregister") else { return .returned(0) }
    return unsafe engine.callAside(of: identity, symbol, holder: holder)
  }
}
