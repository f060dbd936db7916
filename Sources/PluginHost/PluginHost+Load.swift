import CNetISR
import Glibc
import NetISR
import PluginInspector

extension PluginHost {
  /// Loads a plugin whose name does not serve yet. Returns it serving.
  ///
  /// A refusal is kept for `list`. [control]
  ///
  /// - Parameter isTrusted: somebody asks for it; else bytes whose code has faulted here before are refused, and so is
  ///   what lies in a directory that others may write.
  @discardableResult
  public func load(_ path: String, isTrusted: Bool = true) throws(PluginError) -> PluginInfo {
    try load(path) { (sha256) throws(PluginError) in try self.inspect(path, isTrusted: isTrusted, &sha256) }
  }

  /// Loads a plugin from bytes that are no file's here, and that somebody has accepted, whatever this host's policy
  /// says. [control]
  @discardableResult
  package func load(_ path: String, bytes: [UInt8]) throws(PluginError) -> PluginInfo {
    try load(path) { (sha256) throws(PluginError) in
      let report = self.inspector.inspect(bytes: bytes, fileName: path)
      sha256 = report.sha256
      return PluginBuild(path: path, bytes: bytes, report: report)
    }
  }

  private func load(
    _ path: String, from examined: (inout String?) throws(PluginError) -> PluginBuild
  ) throws(PluginError) -> PluginInfo {
    try operations.withLock { () throws(PluginError) in
      try keepingRefusal(of: path) { (sha256) throws(PluginError) in
        let build = try examined(&sha256)
        let name = build.report.name ?? ""
        if let other = state.withLock({ serving[name] }) {
          throw PluginError(
            path, ["the name '\(name)' is served by \(other.path), generation \(other.number): reload or unload it"])
        }
        let generation = try map(build)
        do throws(EngineError) {
          let disabled = state.withLock { disabledVnets[name] ?? [] }
          try unsafe engine.register(generation.handler, holder: generation.holder, disabledIn: disabled)
        } catch {
          discard(generation)
          throw PluginError(path, [error.description])
        }
        enter(generation)
        logNotes(build)
        logger.info("\(name): generation \(generation.number) serves protocol \(generation.proto), from \(path)")
        return state.withLock { generation.info }
      }
    }
  }

  /// Puts the present bytes of `path` (of the serving generation's file, if nil) in the place of the generation
  /// that serves under `name`. Nothing is lost, and order holds. [control]
  ///
  /// If it fails, the old generation goes on as if nothing had happened. `isTrusted`: as in `load`.
  @discardableResult
  public func reload(
    _ name: String, from path: String? = nil, isTrusted: Bool = true
  ) throws(PluginError) -> PluginInfo {
    try operations.withLock { () throws(PluginError) in
      guard let old = state.withLock({ serving[name] }) else { throw PluginError(name, ["not loaded"]) }
      let path = path ?? old.path
      return try keepingRefusal(of: path) { (sha256) throws(PluginError) in
        let build = try inspect(path, isTrusted: isTrusted, &sha256)
        guard build.report.name == name else {
          throw PluginError(path, ["expected plugin '\(name)', found '\(build.report.name ?? "")'"])
        }
        let proto = build.report.abi?.proto
        if proto != old.proto {
          throw PluginError(
            path, ["expected protocol number \(old.proto), as the serving generation has, found \(proto ?? 0)"])
        }
        let new = try exchange(old, for: build)
        logNotes(build)
        logger.info("\(name): generation \(new.number) took over from \(old.number), from \(path)")
        return state.withLock { new.info }
      }
    }
  }

  /// Puts a build in the place of the generation that serves under its name. Under the operations' lock.
  func exchange(_ old: Generation, for build: PluginBuild) throws(PluginError) -> Generation {
    let new = try map(build)
    do throws(EngineError) {
      try unsafe engine.replace(with: new.handler, holder: new.holder) { self.note(old, waitingFor: $0) }
    } catch {
      discard(new)
      throw PluginError(build.path, [error.description])
    }
    engine.closeCallouts(of: old.image.addresses)
    enter(new)
    state.withLock {
      // What faulted is nothing to go back to.
      if !old.isFaulty { histories[old.identity.name, default: FaultHistory()].predecessor = old.build }
    }
    retire(old)
    return new
  }

  // MARK: Parts

  /// What there is to say of a file that was read.
  func report(on file: PluginBytes, at path: String) -> InspectionReport {
    unsafe file.bytes.withUnsafeBytes {
      unsafe inspector.inspect(
        bytes: $0, fileName: path, permissions: file.permissions, signature: file.signature)
    }
  }

  /// Reads and inspects: the bytes, or every problem at once. `sha256` is that of what was read, if anything was.
  private func inspect(
    _ path: String, isTrusted: Bool, _ sha256: inout String?
  ) throws(PluginError) -> PluginBuild {
    let file = try PluginBytes(reading: path, for: inspector.policy, isTrusted: isTrusted)
    let report = report(on: file, at: path)
    sha256 = report.sha256
    guard report.verdict == .accepted else {
      let strict = inspector.policy.isStrict ? report.notes : []
      throw PluginError(path, (report.problems + strict).map { "\($0.check.rawValue): \($0.message)" })
    }
    if isTrusted {
      state.withLock { faulted[report.sha256] = nil }
    } else if let reason = distrust(report.sha256) {
      throw PluginError(path, ["\(reason); it is taken when somebody asks for it: netisr load, netisr reload"])
    }
    if let problems = examination?(file.bytes, path), !problems.isEmpty { throw PluginError(path, problems) }
    return PluginBuild(path: path, bytes: file.bytes, report: report)
  }

  /// Says what a strict policy would have refused.
  private func logNotes(_ build: PluginBuild) {
    guard !build.report.notes.isEmpty else { return }
    let notes = build.report.notes.map { "\($0.check.rawValue): \($0.message)" }
    logger.notice("\(build.path): loaded all the same: \(notes.joined(separator: "; "))")
  }

  /// Maps accepted bytes and lets them fill a registration. Nothing serves yet.
  private func map(_ build: PluginBuild) throws(PluginError) -> Generation {
    let (path, report) = (build.path, build.report)
    // Accepted reports have both.
    let name = report.name ?? ""
    let identity = PluginIdentity(name: name, stateVersion: report.abi?.stateVersion ?? 0)
    let number = state.withLock {
      generations[name, default: 0] += 1
      return generations[name, default: 0]
    }
    let image: PluginImage
    do throws(PluginError) {
      image = try PluginImage(bytes: build.bytes, name: "\(name)#\(number)")
    } catch {
      throw PluginError(path, error.problems)
    }
    if !image.isContained {
      logger.warning("\(image.name): a fault in it will end this process: too many images are mapped")
    }
    func fail(_ reason: String) -> PluginError {
      engine.abortRegistration(identity)
      engine.closeCallouts(of: image.addresses)
      keepUnlessUnmapped(image, report)
      return PluginError(path, [reason])
    }
    guard image.buildID == report.buildID else {
      throw fail("build-id: inspected \(report.buildID ?? "none"), mapped \(image.buildID ?? "none")")
    }
    guard let symbol = unsafe image.symbol("netisr_plugin_register") else {
      throw fail("registration-symbol: the linker does not find netisr_plugin_register")
    }
    // Inspected to be a function; the header says that it takes the structure, and returns an int. The structure is a
    // call's for ever that never returns.
    let holder = engine.makeHolder()
    let filling = UnsafeMutablePointer<netisr_handler>.allocate(capacity: 1)
    unsafe filling.initialize(to: netisr_handler())
    let end = unsafe engine.callAside(of: identity, symbol, UInt(bitPattern: filling), holder: holder)
    note(image.restoreSignals(), of: name)
    let error: Int32
    switch end {
    case .returned(let value): error = Int32(truncatingIfNeeded: value)
    case .faulted(let fault):
      unsafe filling.deallocate()
      engine.abortRegistration(identity)
      engine.closeCallouts(of: image.addresses)
      keepFaulty(image, report)
      throw PluginError(
        path, ["netisr_plugin_register: \(fault.summary) in \(PluginImage.place(of: fault.pluginAddress, in: image))"])
    case .lost:
      engine.abortRegistration(identity)
      engine.closeCallouts(of: image.addresses)
      logger.warning("\(image.name): its image stays mapped: a thread is in its code for ever")
      throw PluginError(path, ["netisr_plugin_register: never returned"])
    }
    let handler = unsafe filling.move()
    unsafe filling.deallocate()
    guard error == 0 else {
      throw unsafe fail("netisr_plugin_register returned \(error) (\(String(cString: strerror(error))))")
    }
    guard unsafe handler.nh_proto == report.abi?.proto ?? 0 else {
      throw unsafe fail(
        "nh_proto: expected \(report.abi?.proto ?? 0), as the ABI note says, found \(handler.nh_proto)")
    }
    let filled = unsafe handler.nh_name.map { unsafe String(cString: $0) }
    guard filled == name else {
      throw fail("nh_name: expected '\(name)', as the ABI note says, found \(filled.map { "'\($0)'" } ?? "none")")
    }
    return unsafe Generation(
      identity: identity, number: number, build: build, image: image, holder: holder, handler: handler)
  }

  /// Enters a generation whose handler the engine has taken into service.
  private func enter(_ generation: Generation) {
    engine.nameCallouts(of: generation.image.addresses, proto: generation.proto)
    let handover = engine.commitRegistration(generation.identity)
    for table in handover.emptied {
      logger.notice(
        "\(table.name): starts empty, state version \(table.newVersion) after \(table.oldVersion)")
    }
    state.withLock {
      generation.state = .serving
      generation.since = FaultHistory.now
      serving[generation.identity.name] = generation
      refused[generation.path] = nil
    }
    if !handover.retired.isEmpty {
      // A reader may have found the old content just before.
      engine.waitForHandlers()
      engine.releaseState(handover.retired)
    }
  }

  /// Undoes `map`.
  private func discard(_ generation: Generation) {
    engine.abortRegistration(generation.identity)
    engine.closeCallouts(of: generation.image.addresses)
    switch generation.callUnregister(on: engine) {
    case .returned: keepUnlessUnmapped(generation.image, generation.report)
    case .faulted(let fault): keep(generation, after: fault)
    case .lost: keepInhabited(generation)
    }
  }

  /// Says what a plugin's code did to signals, and that it is undone.
  func note(_ signals: [String], of name: String) {
    guard !signals.isEmpty else { return }
    logger.warning(
      "\(name): its code changed what the process does with \(signals.joined(separator: ", ")): the host's own action is back"
    )
  }

  /// Unmaps an image that never served, if that is allowed.
  private func keepUnlessUnmapped(_ image: PluginImage, _ report: InspectionReport) {
    if report.unload == .unmaps && image.close() { return engine.openCallouts(of: image.addresses) }
    logger.warning(
      "\(image.name): not loaded, but its image stays mapped: \(report.residentReasons.joined(separator: "; "))")
  }

  private func keepingRefusal(
    of path: String, _ body: (inout String?) throws(PluginError) -> PluginInfo
  ) throws(PluginError) -> PluginInfo {
    // Of the bytes that were looked at: it tells a later look whether it is still the same file.
    var sha256: String?
    do throws(PluginError) {
      return try body(&sha256)
    } catch {
      state.withLock {
        refused[path] = PluginInfo(
          name: nil, path: path, generation: 0, state: .refused, proto: nil, buildID: nil, sha256: sha256,
          waitingFor: 0, reasons: error.problems)
      }
      logger.error("refused \(error)")
      throw error
    }
  }
}
