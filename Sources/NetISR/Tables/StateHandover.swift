/// Tables that nobody can find any more. They are to be released, once, after a grace period.
public struct RetiredTables: Sendable {
  // The registry's numbers of stores; a number that was released already is ignored.
  var serials: [UInt64] = []

  /// Whether there is nothing to release.
  public var isEmpty: Bool { serials.isEmpty }
}

/// What became of a plugin's tables when a new generation took over.
public struct StateHandover: Sendable {
  /// A table whose content was left behind.
  public struct Emptied: Sendable, Equatable {
    /// "plugin.table"
    public var name: String
    /// The state version whose content it had.
    public var oldVersion: UInt32
    /// The state version under which it starts empty.
    public var newVersion: UInt32
  }

  /// Tables that were not there before, or of which nothing was left.
  public var created: [String] = []
  /// Tables with their content: the state version is the same.
  public var kept: [String] = []
  /// Tables that start empty because the state version is another.
  public var emptied: [Emptied] = []
  /// The content left behind, also that of tables which the new generation no longer has.
  public var retired = RetiredTables()
}

extension Engine {
  /// Runs a plugin's registration function: counters and tables that it makes on this thread are the plugin's. Then
  /// one of `commitRegistration` and `abortRegistration` must be called. [control]
  public func withRegistration<T, E: Error>(of identity: PluginIdentity, _ body: () throws(E) -> T) throws(E) -> T {
    unsafe try onOwnThread { context throws(E) in
      let before = unsafe context.pointee.registering
      unsafe context.pointee.registering = identity
      defer { unsafe context.pointee.registering = before }
      return try body()
    }
  }

  /// The plugin is complete: its counters are listed, its tables become current, and its callouts begin. [control]
  ///
  /// What a previous generation has under another state version is out of service, but kept: give `retired` to
  /// `releaseState` when that generation has left all its handlers.
  public func commitRegistration(_ identity: PluginIdentity) -> StateHandover {
    counters.commit(owner: identity.name)
    settings.commit(owner: identity.name)
    let handover = tables.commit(identity)
    for queue in callouts.commit(identity) { wakeWorker(ofCallouts: queue) }
    noteInterfaceChange()
    return handover
  }

  /// The plugin failed: what it made vanishes, what a previous generation has was never touched. [control]
  public func abortRegistration(_ identity: PluginIdentity) {
    counters.abort(owner: identity.name)
    settings.abort(owner: identity.name)
    callouts.abort(identity)
    releaseState(tables.abort(identity))
  }

  /// Frees retired tables and the packets in them, after a grace period. [control]
  public func releaseState(_ retired: RetiredTables) {
    if retired.isEmpty { return }
    unsafe onOwnThread { context in unsafe tables.release(retired, context) }
  }

  /// Takes all tables of a plugin that was unloaded out of service, for `releaseState`. [control]
  public func purgeState(owner: String) -> RetiredTables { tables.purge(owner: owner) }

  /// Removes all entries of a vnet from all tables: the vnet ends. [control]
  public func removeTableEntries(vnet: UInt32) {
    guard vnet < UInt32(TableStore.vnetLimit) else { return }
    unsafe onOwnThread { context in tables.forEachCurrent { store, _ in unsafe store.removeAll(vnet: vnet, context) } }
  }

  /// Runs `body` on this thread as one of this engine's, whatever it was before.
  func onOwnThread<T, E: Error>(_ body: (UnsafeMutablePointer<ThreadContext>) throws(E) -> T) throws(E) -> T {
    if let context = unsafe ThreadContext.current, unsafe context.pointee.engine === self {
      return unsafe try body(context)
    }
    return try withAttachedThread { () throws(E) in
      guard let context = unsafe ThreadContext.current else { preconditionFailure("withAttachedThread attaches") }
      return unsafe try body(context)
    }
  }
}
