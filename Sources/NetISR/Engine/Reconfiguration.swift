import CNetISR
import Glibc

// Changes of the queues under traffic: another number of workers, and limits that need larger rings.
//
// A flow may move to another worker only when nothing of it is left at the old one. The original can't change the number at
// all. Here a change makes a second set of workstreams, which nobody runs yet, and leads all senders to it. Once a grace
// period has passed, the old set gets nothing more; its workers drain it and end; then the new one is let run. What
// came meanwhile waited in the new queues, behind all that came before. So order holds for every policy, whatever the new
// places are, and nothing is lost. It costs a pause in queued traffic: as long as the old queues take to drain.

extension Engine {
  /// The number of workstreams, by a setting of net.isr.maxthreads: -1 one per CPU, 0 one. [control]
  ///
  /// Without worker threads, the calling thread handles what is queued. EINVAL: below -1, or above the number of CPUs
  /// that the engine was made for.
  public func setWorkerCount(_ maxThreads: Int) throws(EngineError) {
    try withControl { () throws(EngineError) in
      guard maxThreads >= -1, maxThreads <= configuration.cpuCount else {
        throw EngineError(EINVAL, "\(maxThreads) worker threads: expected -1 to \(configuration.cpuCount)")
      }
      let count = Self.workerCount(for: maxThreads, cpuCount: configuration.cpuCount)
      let old = workers
      wantedCount.store(maxThreads, ordering: .relaxed)
      guard count != old.count else { return }
      events.note("\(count) workstreams, were \(old.count)")
      replace(old, with: WorkerSet(count: count, isHeld: true))
    }
  }

  private func replace(_ old: WorkerSet, with new: WorkerSet) {
    // Packets handled at once might overtake those of the old set, too.
    let served = state.withLock { registrations.indices.filter { registrations[$0] != nil } }
    let bits = served.reduce(UInt32(0)) { $0 | 1 << UInt32($1) }
    beginSettling(bits)
    var records: [UnsafeMutablePointer<ProtocolRecord>] = unsafe []
    state.withLock {
      sets.append(new)
      for number in served {
        guard var registration = registrations[number] else { continue }
        unsafe records.append(registration.record)
        let row = unsafe new.makeRow(limit: registration.queueLimit)
        unsafe new.setRow(number, row)
        var record = unsafe registration.record.pointee
        unsafe record.lead(to: new, row)
        unsafe registration.record = unsafe allocate(record)
        registrations[number] = registration
      }
    }
    for number in served {
      let record = unsafe state.withLock { unsafe registrations[number]?.record }
      unsafe protocols.setService(number, record)
      unsafe setEntrance(number, record)
    }
    currentCount.store(new.count, ordering: .relaxed)
    gracePeriod.wait()
    unsafe records.forEach { unsafe $0.deallocate() }

    // Nothing comes into the old set any more.
    let hadThreads = !old.threads.isEmpty
    stop(old)
    while served.contains(where: old.isBusy) { processByHand(old) }
    for number in served { carryFigures(of: number, from: old, to: new) }
    state.withLock { _ = sets.removeFirst() }
    settling.allSeen(bits)
    new.release()
    if hadThreads { start(new) }
    // A sender may have looked at the old queues just before.
    gracePeriod.wait()
  }

  /// The figures of workstreams that are no more are added to those of others, so that sums go on.
  private func carryFigures(of number: Int, from old: WorkerSet, to new: WorkerSet) {
    guard let from = unsafe old.row(number), let to = unsafe new.row(number) else { return }
    for wsid in 0..<old.count { unsafe to[wsid % new.count].adopt(from[wsid].figures) }
  }

  /// Sets the limit of a protocol's queues. Rings that are too small for it are replaced: packets move over, in order.
  /// [control], locked
  func setQueueLimit(_ number: Int, _ limit: Int) {
    let set = workers
    guard let old = unsafe set.row(number), let registration = state.withLock({ registrations[number] }) else { return }
    state.withLock { registrations[number]?.queueLimit = limit }
    if unsafe old[0].takes(limit: limit) {
      for wsid in 0..<set.count { unsafe old[wsid].setLimit(limit) }
      return
    }
    let row = unsafe set.makeRow(limit: limit, adopting: old[0].capacity)
    var record = unsafe registration.record.pointee
    unsafe record.queues = unsafe row
    var changed = registration
    changed.queueLimit = limit
    settling.setMoving(number, to: true)
    // As the executor of all: nobody takes anything from the old queues nor the new ones, until all is in its place.
    for wsid in 0..<set.count { unsafe set.streams[wsid].enterFirst() }
    state.withLock { unsafe set.setRow(number, row) }
    publish(record, in: number, insteadOf: changed)
    for wsid in 0..<set.count {
      let figures = unsafe old[wsid].figures
      unsafe row[wsid].adopt(figures, old[wsid].remove { _ in true })
    }
    settling.setMoving(number, to: false)
    set.release()
    unsafe set.free(row: old)
  }
}
