/// Says when the next of a steady number of packets per second is due.  After a delay it catches up.
struct Pacer {
  private let perSecond: UInt64
  private var start: UInt64?
  private var sent: UInt64 = 0

  init(perSecond: UInt64) {
    precondition(perSecond > 0, "a pace of 0 packets per second never ends")
    self.perSecond = perSecond
  }

  /// Nanoseconds to wait at `now`, in nanoseconds of any steady clock, or nil when the packet may go.
  mutating func wait(at now: UInt64) -> UInt64? {
    let start = self.start ?? now
    self.start = start
    let second: UInt64 = 1_000_000_000
    let due = start &+ sent / perSecond &* second &+ sent % perSecond &* second / perSecond
    return due > now ? due - now : nil
  }

  /// Counts a packet.
  mutating func advance() { sent += 1 }
}
