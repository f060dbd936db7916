import CNetISR
import NetISR
import PluginInspector

extension PluginHost {
  /// Takes a plugin out of service: by default, what is queued for it is handled first. [control]
  ///
  /// When this returns, no thread can run its code; its image is unmapped, unless it must stay. Its tables and
  /// counters stay in the host; in which vnets it is disabled is remembered by its name.
  public func unload(_ name: String, _ withdrawal: Withdrawal = .drain) throws(PluginError) {
    try operations.withLock { () throws(PluginError) in
      guard let old = state.withLock({ serving[name] }) else { throw PluginError(name, ["not loaded"]) }
      set(old, .draining)
      let disabled = engine.disabledVnets(of: old.proto)
      do throws(EngineError) {
        try engine.unregister(old.proto, withdrawal) { self.note(old, waitingFor: $0) }
      } catch {
        set(old, .serving)
        throw PluginError(name, [error.description])
      }
      engine.closeCallouts(of: old.image.addresses)
      state.withLock {
        serving[name] = nil
        disabledVnets[name] = disabled
      }
      retire(old)
      logger.info("\(name): generation \(old.number) is out of service")
    }
  }

  /// Unloads every plugin. [control]
  public func unloadAll() {
    for name in state.withLock({ serving.keys.sorted() }) {
      do throws(PluginError) {
        try unload(name)
      } catch {
        logger.error("\(error)")
      }
    }
  }

  /// The end of a generation that no thread can be inside of.
  func retire(_ generation: Generation) {
    let isFaulty = state.withLock {
      generation.state = generation.isFaulty ? .quarantined : .retired
      generation.waitingFor = 0
      generation.forgetBytes()
      retired.append(generation)
      return generation.isFaulty
    }
    // None of its code is run any more: nobody knows what it would do.
    if isFaulty {
      note(generation.image.restoreSignals(), of: generation.identity.name)
      _ = noteLeak(of: generation)
      return keepFaulty(generation)
    }
    let end = generation.callUnregister(on: engine)
    note(generation.image.restoreSignals(), of: generation.identity.name)
    switch end {
    case .returned: break
    case .faulted(let fault): return keep(generation, after: fault)
    case .lost: return keepInhabited(generation)
    }
    let held = noteLeak(of: generation)
    var reasons = generation.report.unload == .unmaps ? [] : generation.report.residentReasons
    if reasons.isEmpty {
      if generation.image.close() {
        engine.openCallouts(of: generation.image.addresses)
        state.withLock {
          generation.state = .unmapped
          remember(generation, leaving: held)
          retired.removeAll { $0 === generation }
        }
        return
      }
      reasons = ["the dynamic linker kept it mapped"]
    }
    state.withLock {
      generation.state = .resident
      generation.reasons = reasons
    }
    logger.notice(
      "\(generation.identity.name): generation \(generation.number) stays resident: \(reasons.joined(separator: "; "))")
  }

  /// Keeps, for `list`, for how many threads an operation waits.
  func note(_ generation: Generation, waitingFor threads: Int) {
    state.withLock { generation.waitingFor = threads }
  }
}
