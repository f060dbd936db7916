import CPacketIO
import Glibc

/// A descriptor that becomes readable when somebody wakes its owner: an eventfd(2). [any thread]
public final class Waker: Sendable {
  /// For poll(2).
  public let descriptor: Int32

  /// Asleep.
  public init() {
    descriptor = packetio_waker_open()
    precondition(descriptor >= 0, "eventfd: errno \(errno)")
  }

  deinit { close(descriptor) }

  /// Makes the descriptor readable, until `settle`.
  public func wake() { packetio_waker_wake(descriptor) }

  /// Makes the descriptor unreadable.
  public func settle() { packetio_waker_settle(descriptor) }
}

/// Waits until one of some descriptors is ready.
public enum Readiness {
  /// What to wait for.
  public struct Interest {
    var descriptor: Int32
    var events: Int16

    /// Until it can be read.
    public static func reading(_ descriptor: Int32) -> Self { Self(descriptor: descriptor, events: Int16(POLLIN)) }
    /// Until it can be written.
    public static func writing(_ descriptor: Int32) -> Self { Self(descriptor: descriptor, events: Int16(POLLOUT)) }
  }

  /// Waits, at most so many milliseconds (-1: for ever). Answers for each whether it is ready, and whether it waits to
  /// tell an error.
  public static func wait(_ interests: [Interest], milliseconds: Int32 = -1) -> [(isReady: Bool, hasFailed: Bool)] {
    var polls = interests.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
    let count = unsafe poll(&polls, nfds_t(polls.count), milliseconds)
    guard count > 0 else { return interests.map { _ in (false, false) } }
    return polls.map { item in
      (item.revents & item.events != 0, item.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0)
    }
  }
}
