import Glibc

// What happened last, for the report of a fault.
//
// A ring of every packet, or every batch, would cost the worker a look at the clock and some stores for each: as much
// as handling a small batch takes. And after a fault it would say little that is not there anyway: the batch in hand
// stands in the guarded call's frame, and what a workstream had handled and queued, in its figures. What nobody could
// tell afterwards is what was changed shortly before: those events are noted, by who makes the change, with the time.

/// The last changes of an engine. [any thread]
final class EngineEvents: @unchecked Sendable {
  /// How many are kept.
  private static let kept = 16

  private let lock = Lock()
  // Under the lock, oldest first.
  private var events: [(time: UInt64, text: String)] = []

  func note(_ text: String) {
    let time = Clocks.system(CLOCK_REALTIME)
    lock.withLock {
      if events.count == Self.kept { events.removeFirst() }
      events.append((time, text))
    }
  }

  var all: [(time: UInt64, text: String)] { lock.withLock { events } }
}

extension Engine {
  /// What is known of the time before a fault of the calling thread: changes of the engine, oldest first, then the
  /// workstream's queues, and the batch in hand. For a report, a line each.
  public func lastEvents(before fault: Fault) -> [String] {
    var lines = events.all.map { event in "\(Self.seconds(fault.time, since: event.time)) s before: \(event.text)" }
    let wsid = unsafe ThreadContext.current.map { unsafe Int($0.pointee.cpu) } ?? 0
    for work in workstreamStatistics().first(where: { $0.wsid == wsid })?.work ?? []
    where work.handled > 0 || work.queued > 0 || work.qdrops > 0 {
      lines.append(
        "workstream \(wsid): \(work.name): \(work.handled) handled (\(work.dispatched) directly, "
          + "\(work.hybridDispatched) in the worker's place), \(work.len) queued, \(work.qdrops) dropped for a full queue"
      )
    }
    if let place = fault.placeInBatch {
      lines.append("in hand: packet \(place.number) of a batch of \(place.count)")
    }
    return lines
  }

  /// With three decimals; 0 for what came later: another thread may have noted it meanwhile.
  private static func seconds(_ end: UInt64, since begin: UInt64) -> String {
    let ms = end > begin ? (end - begin) / 1_000_000 : 0
    let rest = String(ms % 1000)
    return "\(ms / 1000)." + String(repeating: "0", count: 3 - rest.utf8.count) + rest
  }
}
