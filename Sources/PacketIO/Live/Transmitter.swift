import CNetISR
import CPacketIO
import Glibc
import NetISR

/// The output of a live interface: a bounded queue, and whoever comes by to empty it.
///
/// A thread that receives holds what its burst leads to together (`SendCork`), so that 32 packets go out by one system
/// call. Other threads send at once; while one sends, others only leave their packets, and it takes these along. When
/// the device has no room, packets wait until `unblock`, for which `onBlocked` asks.
public final class Transmitter: InterfaceOutput, @unchecked Sendable {
  /// What it did.
  public struct Statistics: Sendable {
    /// Packets that the kernel took.
    public var sent: UInt64 = 0
    /// Bytes of them, link header included.
    public var sentBytes: UInt64 = 0
    /// Packets for which there was no room in the queue.
    public var overflowed: UInt64 = 0
    /// Packets that the kernel would not take: the link is down or gone, or the packet longer than the MTU.
    public var refused: UInt64 = 0
    /// Packets that wait now.
    public var waiting = 0
  }

  /// Packets that may wait.
  public static let limit = 1024
  private static let batch = Int(PACKETIO_SEND_BATCH)

  private let queue = PacketList()
  private let lock = Lock()
  // Under the lock.
  private var sender: (any FrameSender)?
  private var isSending = false
  private var isBlocked = false
  private var figures = Statistics()
  private let onBlocked: @Sendable () -> Void

  /// Without a device: whatever is sent is refused. `onBlocked` is called on any thread when the device has no room.
  public init(onBlocked: @escaping @Sendable () -> Void) {
    self.onBlocked = onBlocked
  }

  /// Figures now. [any thread]
  public var statistics: Statistics {
    lock.withLock {
      var figures = figures
      figures.waiting = queue.count
      return figures
    }
  }

  // MARK: The device

  /// Sends by `device` from now on.
  public func attach(_ device: LiveDevice) { attach(device.sender) }

  func attach(_ sender: any FrameSender) {
    lock.withLock {
      self.sender = sender
      isBlocked = false
    }
  }

  /// Lets go of the device: when this returns, nobody uses it, and what waited is dropped. [control] On a thread that
  /// belongs to the engine.
  public func detach() {
    lock.withLock { sender = nil }
    while lock.withLock({ isSending }) { usleep(100) }
    lock.withLock {
      while let m = unsafe queue.removeFirst() {
        figures.refused += 1
        unsafe m_freem(m)
      }
    }
  }

  /// The descriptor for whose room packets wait, if any do.
  public var blockedDescriptor: Int32? { lock.withLock { isBlocked ? sender?.descriptor : nil } }

  /// There may be room again.
  public func unblock() {
    lock.withLock { isBlocked = false }
    flush()
  }

  // MARK: InterfaceOutput

  /// Queues a packet, and sends unless somebody else is about to. [any thread] Consumes `m`.
  public func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
    guard let m = unsafe Self.prepare(m) else {
      lock.withLock { figures.refused += 1 }
      return ENOBUFS
    }
    let (error, count) = lock.withLock { () -> (Int32, Int) in
      guard sender != nil else {
        figures.refused += 1
        return (ENETDOWN, 0)
      }
      guard queue.count < Self.limit else {
        figures.overflowed += 1
        return (ENOBUFS, 0)
      }
      unsafe queue.append(m)
      return (0, queue.count)
    }
    guard error == 0 else {
      unsafe m_freem(m)
      return error
    }
    if count < Self.batch, let cork = SendCork.current {
      cork.hold(self)
    } else {
      flush()
    }
    return 0
  }

  /// Tries again what waits. [any thread] Returns how many packets went.
  public func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 {
    let before = statistics.sent
    unblock()
    return UInt32(clamping: statistics.sent &- before)
  }

  /// A packet that the system can take in one piece: not too many parts, and room for a tag behind the addresses.
  private static func prepare(_ m: UnsafeMutablePointer<mbuf>) -> UnsafeMutablePointer<mbuf>? {
    var packet = unsafe m
    if unsafe packet.pointee.m_flags & M_VLANTAG != 0, unsafe packet.pointee.m_len < 14 {
      guard let head = unsafe m_pullup(packet, 14) else { return nil }
      unsafe packet = unsafe head
    }
    var parts = 0
    var next: UnsafeMutablePointer<mbuf>? = unsafe packet
    while let part = unsafe next, parts <= Int(PACKETIO_SEND_PARTS) {
      parts += 1
      unsafe next = unsafe part.pointee.m_next
    }
    guard parts > Int(PACKETIO_SEND_PARTS) else { return unsafe packet }
    // A copy is in pieces as long as they get.
    let whole = unsafe m_dup(packet, M_NOWAIT)
    unsafe m_freem(packet)
    return unsafe whole
  }

  // MARK: Sending

  /// Sends what waits, unless somebody does.
  func flush() {
    let isMine = lock.withLock { () -> Bool in
      guard !isSending, !isBlocked else { return false }
      isSending = true
      return true
    }
    guard isMine else { return }
    unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<mbuf>?.self, capacity: Self.batch) { batch in
      while unsafe sendBatch(batch) {}
    }
  }

  /// Sends once; false when this thread is done, and has said so.
  private func sendBatch(_ batch: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> Bool {
    var count = 0
    let device = lock.withLock { () -> (any FrameSender)? in
      guard sender != nil, !queue.isEmpty else {
        isSending = false
        return nil
      }
      while count < Self.batch, let m = unsafe queue.removeFirst() {
        unsafe batch.initializeElement(at: count, to: m)
        count += 1
      }
      return sender
    }
    guard let device else { return false }
    let packets = unsafe UnsafeMutableBufferPointer(rebasing: batch[..<count])
    let (sent, error) = unsafe device.send(packets)
    var bytes: UInt64 = 0
    for index in 0..<sent {
      // No packet of a batch is NULL.
      let m = unsafe packets[index]!
      unsafe bytes += UInt64(m.pointee.m_pkthdr.len) + (m.pointee.m_flags & M_VLANTAG != 0 ? 4 : 0)
      unsafe m_freem(m)
    }
    let mustWait = error == EAGAIN
    // The packet that is refused stands in the way of nobody.
    let kept = sent < count && !mustWait ? sent + 1 : sent
    if kept > sent { unsafe m_freem(packets[sent]) }
    lock.withLock {
      figures.sent += UInt64(sent)
      figures.sentBytes += bytes
      figures.refused += UInt64(kept - sent)
      for index in (kept..<count).reversed() { unsafe queue.putBack(packets[index]!) }
      if mustWait { (isSending, isBlocked) = (false, true) }
    }
    if mustWait { onBlocked() }
    return !mustWait
  }
}
