import NetISR

/// A fault of a plugin's code, with what the host knows of that code.
public struct FaultReport: Sendable {
  /// The plugin's name; nil for code of an image that is not known.
  public let plugin: String?
  /// Which of its generations; 0 for code of an image that is not known.
  public let generation: Int
  /// The GNU build-id of its image, in hexadecimal.
  public let buildID: String?
  /// The protocol in whose service it ran.
  public let proto: Int
  /// Where in the image: a function with an offset, and the offset in the image.
  public let place: String
  /// The calls that led there, the innermost first, as `place`, or as a function of a library.
  public let backtrace: [String]
  /// What happened before, a line each: changes of the engine, the workstream's figures, the batch.
  public let events: [String]
  /// What happened, in a few words, with the names of plugins.
  public let summary: String
  /// The signal, the registers, the stack, the packet.
  public let fault: Fault
}

extension PluginHost {
  /// Says what is known of a fault, and notes which generation is not to be trusted. On the thread that recovered from
  /// it; the engine has taken the protocol out of service.
  func note(_ fault: Fault, protocolNumber: Int) {
    note(fault, protocolNumber: protocolNumber) { $0.image.addresses.contains(fault.pluginAddress) }
  }

  /// Says what checks of mbufs have found elsewhere than in a plugin's own call, and whose doing it was, or whose
  /// packet. On the thread that found it; if it was somebody's doing, the engine has taken that out of service.
  func note(_ fault: Fault, by culprit: MbufHolder?, protocolNumber: Int) {
    if let culprit { return note(fault, protocolNumber: protocolNumber) { $0.holder == culprit } }
    let report = state.withLock { () -> FaultReport in
      let generation = (Array(serving.values) + retired).first { $0.holder == fault.lastHolder }
      return FaultReport(
        plugin: generation?.identity.name, generation: generation?.number ?? 0, buildID: generation?.image.buildID,
        proto: Int(generation?.proto ?? 0), place: "found later", backtrace: [], events: [],
        summary: fault.summary + naming(fault), fault: fault)
    }
    unsafe onFault?(report)
    logger.error("\(report.summary): nothing is out of service for it")
  }

  /// ", last held by ip generation 3", for a misuse of an mbuf. With the host's state lock.
  private func naming(_ fault: Fault) -> String {
    guard let misuse = fault.misuse, let holder = fault.lastHolder else { return "" }
    let known =
      (Array(serving.values) + retired).first { $0.holder == holder }.map { ($0.identity.name, $0.number) }
      ?? indebted.first { $0.holder == holder }.map { ($0.info.name ?? "", $0.info.generation) }
    guard let (name, number) = known else { return "" }
    return (misuse == .lateWrite ? ", last held by " : ", freed by ") + "\(name) generation \(number)"
  }

  private func note(_ fault: Fault, protocolNumber: Int, isOf: (Generation) -> Bool) {
    let events = engine.lastEvents(before: fault)
    let (report, quarantined) = state.withLock { () -> (FaultReport, Generation?) in
      let generation = (Array(serving.values) + retired).first(where: isOf)
      let summary = fault.summary + naming(fault)
      // Of what the host found for itself there is no place.
      let place =
        fault.pluginAddress == 0
        ? "a function of the host" : PluginImage.place(of: fault.pluginAddress, in: generation?.image)
      var quarantined: Generation?
      if let generation {
        // Several threads may fault at once.
        if !generation.isFaulty { quarantined = generation }
        histories[generation.identity.name, default: FaultHistory()].count += 1
        faulted[generation.report.sha256] =
          "its code faulted as \(generation.identity.name), generation \(generation.number): \(summary) in \(place)"
        generation.quarantine("\(summary) in \(place)")
        generation.image.fillHoles()
        if fault.isThreadLost { generation.isInhabited = true }
        // Its timers are its code, too.
        engine.endCallouts(of: generation.image.addresses)
      }
      let report = FaultReport(
        plugin: generation?.identity.name, generation: generation?.number ?? 0,
        buildID: generation?.image.buildID, proto: protocolNumber, place: place,
        backtrace: fault.backtrace.map { PluginImage.place(of: $0, in: generation?.image) }, events: events,
        summary: summary,
        fault: fault)
      return (report, quarantined)
    }
    unsafe onFault?(report)
    let outcome = fault.outcome.map { "; \($0)" } ?? ""
    logger.error(
      "\(report.plugin ?? "a plugin"): generation \(report.generation) is quarantined: \(report.summary) in \(report.place)\(outcome)"
    )
    if let quarantined { respond(to: quarantined) }
  }

  /// Says where a call hangs.
  func note(_ hang: Engine.Hang) {
    let address = hang.place.pluginAddress
    let report = state.withLock { () -> FaultReport in
      let generation = (Array(serving.values) + retired).first { $0.image.addresses.contains(address) }
      return FaultReport(
        plugin: generation?.identity.name, generation: generation?.number ?? 0,
        buildID: generation?.image.buildID, proto: Int(generation?.proto ?? 0),
        place: PluginImage.place(of: address == 0 ? hang.place.instruction : address, in: generation?.image),
        backtrace: hang.place.backtrace.map { PluginImage.place(of: $0, in: generation?.image) }, events: [],
        summary: hang.place.summary, fault: hang.place)
    }
    unsafe onFault?(report)
    let manner =
      hang.isWaiting
      ? "waits, and has not returned for ten times the bound"
      : "has run for \(hang.time / 1_000_000) ms and does not return"
    logger.warning(
      "\(report.plugin ?? "a plugin"): a call of generation \(report.generation) \(manner): \(report.place)")
  }

  /// Keeps a generation in whose code a thread is for ever.
  func keepInhabited(_ generation: Generation) {
    state.withLock {
      generation.isInhabited = true
      generation.quarantine("netisr_plugin_unregister never returned")
      if !retired.contains(where: { $0 === generation }) { retired.append(generation) }
    }
    logger.error(
      "\(generation.identity.name): generation \(generation.number): netisr_plugin_unregister never returned")
  }

  /// Keeps a generation whose code faulted when it was told of its end.
  func keep(_ generation: Generation, after fault: Fault) {
    state.withLock {
      if !retired.contains(where: { $0 === generation }) { retired.append(generation) }
    }
    note(fault, protocolNumber: Int(generation.proto))
    keepFaulty(generation)
  }
}
