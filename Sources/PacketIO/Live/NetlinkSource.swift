import CPacketIO
import Glibc
import NetISR

/// What the kernel says by rtnetlink(7): at first all that there is - links, addresses, routes, neighbours, rules -, then
/// every change. A datagram is a frame, with the header in front that a capture of link type NETLINK has.
///
/// When notifications were lost because they came faster than they were taken, that is counted, and all is asked for
/// again. What was deleted in between is not known then to be gone.
///
/// Safe: the buffer is private, and only the one thread that receives uses it.
@safe
final class NetlinkSource: FrameSource, @unchecked Sendable {
  private static let header = 16
  private static let longest = 1 << 20
  /// Datagrams of one look.
  private static let burst = 64
  /// Room for notifications that wait: thousands of routes.
  private static let receiveBuffer: UInt32 = 8 << 20

  let descriptor: Int32
  let linkType = LinkType.netlink
  private let buffer: UnsafeMutableRawBufferPointer
  /// The dump that is under way; PACKETIO_DUMPS when none is.
  private var kind: UInt32 = 0
  private var sequence: UInt32 = 0
  private var isInterrupted = false
  private var mustBeginAgain = false
  private let lock = Lock()
  // Under the lock.
  private var overruns: UInt64 = 0

  init() throws(LiveError) {
    let descriptor = packetio_netlink_open(false, Self.receiveBuffer)
    guard descriptor >= 0 else { throw LiveError(descriptor, of: "rtnetlink", capability: "CAP_NET_ADMIN") }
    self.descriptor = descriptor
    unsafe buffer = .allocate(byteCount: Self.header + Self.longest, alignment: 16)
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0)
    // The cooked header: an ARPHRD_NETLINK device, and the family NETLINK_ROUTE, which is 0.
    unsafe buffer.storeBytes(of: NetlinkLink.hardware.bigEndian, toByteOffset: 2, as: UInt16.self)
    begin(0)
  }

  deinit {
    closeDescriptor(descriptor)
    unsafe buffer.deallocate()
  }

  func takeDrops() -> UInt64 {
    lock.withLock {
      defer { overruns = 0 }
      return overruns
    }
  }

  func receive(into receiver: inout FrameReceiver) -> Int {
    var count = 0
    while count < Self.burst {
      let place = unsafe buffer.baseAddress! + Self.header
      let length = unsafe Int(packetio_netlink_receive(descriptor, place, UInt32(Self.longest)))
      if length == Int(-ENOBUFS) {
        overrun()
        continue
      }
      guard length >= 0 else { break }
      guard length > 0 else { continue }
      count += 1
      let frame = unsafe RawSpan(
        _unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<(Self.header + length)]))
      receiver.receive(frame, CapturedFrame(number: 0, wireLength: frame.byteCount, timestamp: WallClock.now))
      follow(unsafe packetio_netlink_progress(place, UInt32(length), sequence, &isInterrupted))
    }
    return count
  }

  /// Asks for all of one kind.
  private func begin(_ kind: UInt32) {
    self.kind = kind
    guard kind < UInt32(PACKETIO_DUMPS) else { return }
    sequence &+= 1
    isInterrupted = false
    _ = packetio_netlink_dump(descriptor, kind, sequence)
  }

  /// A dump has come so far.
  private func follow(_ progress: packetio_dump) {
    guard kind < UInt32(PACKETIO_DUMPS), progress != PACKETIO_DUMP_GOES_ON else { return }
    if mustBeginAgain {
      mustBeginAgain = false
      begin(0)
    } else {
      begin(progress == PACKETIO_DUMP_INTERRUPTED ? kind : kind + 1)
    }
  }

  private func overrun() {
    lock.withLock { overruns += 1 }
    // One dump at a time: the kernel has no more for one socket.
    if kind < UInt32(PACKETIO_DUMPS) { mustBeginAgain = true } else { begin(0) }
  }
}
