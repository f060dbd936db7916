import CPacketIO

/// Holds together what one thread sends while it works on a burst: it goes out when the burst is done.
///
/// A thread's own; nothing in it is shared.
public final class SendCork {
  private var held: [Transmitter] = []

  /// Holding nothing.
  public init() {}

  /// The calling thread's.
  static var current: SendCork? {
    // Only `use` sets the pointer, and clears it before the object can go.
    guard let pointer = unsafe packetio_cork_get() else { return nil }
    return unsafe Unmanaged<SendCork>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Runs `body` with this as the calling thread's cork.
  public func use(_ body: () -> Void) {
    unsafe packetio_cork_set(Unmanaged.passUnretained(self).toOpaque())
    body()
    packetio_cork_set(nil)
    release()
  }

  /// Sends what was held.
  public func release() {
    guard !held.isEmpty else { return }
    for transmitter in held { transmitter.flush() }
    held.removeAll(keepingCapacity: true)
  }

  func hold(_ transmitter: Transmitter) {
    if !held.contains(where: { $0 === transmitter }) { held.append(transmitter) }
  }
}
