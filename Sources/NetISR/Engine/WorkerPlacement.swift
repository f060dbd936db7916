// Where workers run, and whether they sleep. Both change while packets flow: nothing waits for it, for neither says
// anything about who handles what.

extension Engine {
  /// Whether each worker is bound to a CPU. (net.isr.bindthreads) [any thread]
  public var bindsWorkers: Bool { bindsFlag.load(ordering: .relaxed) }

  /// Binds each worker to a CPU, or lets all run wherever the process may. [control]
  ///
  /// Worker i gets the i-th of the CPUs that the process may use now; where there are more workers than CPUs, it starts over.
  /// When one can't be bound, none is, and the error says why.
  public func setBinding(_ isBound: Bool) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let set = workers
      if let failure = place(set, isBound: isBound) {
        _ = place(set, isBound: bindsWorkers)
        throw failure
      }
      bindsFlag.store(isBound, ordering: .relaxed)
    }
  }

  /// Binds the threads of a set, or unbinds them; returns the first failure. [control], locked
  func place(_ set: WorkerSet, isBound: Bool) -> EngineError? {
    let cpus = ProcessCPUs.allowed
    var failure: EngineError?
    for (wsid, thread) in set.threads.enumerated() {
      let own = isBound ? [cpus[wsid % cpus.count]] : cpus
      let error = thread.bind(to: own)
      if error != 0, failure == nil {
        let text = own.map(String.init).joined(separator: ", ")
        failure = EngineError(error, "worker \(wsid) can't be bound to CPU \(text): errno \(error)")
      }
    }
    return failure
  }

  /// Whether workers never sleep. (net.isr.polling) [any thread]
  public var polls: Bool { pollsFlag.load(ordering: .relaxed) }

  /// Lets workers look at their queues for ever, or sleep when nothing comes. [control]
  ///
  /// A worker that sleeps costs its first packet some 30 us, and the sender a system call. One that polls takes a whole CPU
  /// each, with or without traffic; with more workers than CPUs that is at the expense of each other.
  public func setPolling(_ polls: Bool) {
    control.withLock {
      pollsFlag.store(polls, ordering: .relaxed)
      let set = workers
      guard polls, !set.threads.isEmpty else { return }
      for wsid in 0..<set.count { unsafe set.streams[wsid].wake() }
    }
  }
}
