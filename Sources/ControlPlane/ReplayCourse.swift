import NetISR
import PacketIO

/// The captures of a replay, sent one after another. By one thread, or by its successor from where that was lost.
final class ReplayCourse: @unchecked Sendable {
  typealias Feed = (feed: CaptureFeed, file: String)

  private let feeds: [Feed]
  private let admission: Admission?
  private let onProgress: (Int) -> Void
  /// The capture that is sent.
  private var index = 0
  /// By feed, what is wrong with its file.
  private(set) var damage: [String: String] = [:]
  /// The same in order.
  private(set) var problems: [String] = []

  /// - Parameters:
  ///   - admission: nil: packets may be dropped for full queues, rather than wait.
  ///   - onProgress: called now and then, with the place of the capture that is sent.
  init(_ feeds: [Feed], admission: Admission?, onProgress: @escaping (Int) -> Void) {
    self.feeds = feeds
    self.admission = admission
    self.onProgress = onProgress
  }

  /// Sends all that is left.
  func run(isSuccessor: Bool) {
    if isSuccessor { feeds[index].feed.resume(admission: admission) }
    while index < feeds.count {
      let feed = feeds[index].feed
      do throws(ControlError) {
        try send(feed)
      } catch {
        damage[feed.name] = error.description
        problems.append(error.description)
      }
      index += 1
    }
  }

  /// Sends a whole capture, waiting for room.
  private func send(_ feed: CaptureFeed) throws(ControlError) {
    var backoff = Backoff()
    var steps = 0
    while true {
      switch try feed.step(now: SteadyClock.now, admission: admission) {
      case .sent: backoff.reset()
      case .noRoom: backoff.pause()
      case .wait(let nanoseconds): SteadyClock.pause(nanoseconds: nanoseconds)
      case .ended: return
      }
      steps += 1
      if steps & 63 == 0 { onProgress(index) }
    }
  }
}
