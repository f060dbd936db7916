import CPacketIO
import Glibc
import NetISR

/// What the kernel says by rtnetlink(7): at first all that there is - links, addresses, routes, neighbours, rules -, then
/// every change. A datagram is a frame, with the header in front that a capture of link type NETLINK has.
///
/// When notifications were lost because they came faster than they were taken, that is counted, and nobody knows what is
/// true. So all that waits is thrown away, every link that was told of is said to be gone, and with a link goes what
/// depends on it; then all is asked for again.
///
/// Safe: the buffer is private, and only the one thread that receives uses it.
@safe
final class NetlinkSource: FrameSource, @unchecked Sendable {
  private static let header = 16
  private static let longest = 1 << 20
  /// Room for notifications that wait: thousands of routes.
  private static let receiveBuffer: UInt32 = 8 << 20

  let descriptor: Int32
  let linkType = LinkType.netlink
  private let buffer: UnsafeMutableRawBufferPointer
  /// The dump that is under way; PACKETIO_DUMPS when none is.
  private var kind: UInt32 = 0
  private var sequence: UInt32 = 0
  private var isInterrupted = false
  /// The kernel's numbers of the links that were told of.
  private var links: Set<UInt32> = []
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

  func receive(into receiver: inout FrameReceiver, limit: Int) -> Int {
    var count = 0
    while count < limit, !receiver.isFull {
      let place = unsafe buffer.baseAddress! + Self.header
      let length = unsafe Int(packetio_netlink_receive(descriptor, place, UInt32(Self.longest)))
      if length == Int(-ENOBUFS) {
        unsafe beginAgain(place, &receiver)
        continue
      }
      guard length >= 0 else { break }
      guard length > 0 else { continue }
      count += 1
      let frame = unsafe RawSpan(
        _unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<(Self.header + length)]))
      receiver.receive(frame, CapturedFrame(number: 0, wireLength: frame.byteCount, timestamp: WallClock.now))
      noteLinks(in: frame)
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
    begin(progress == PACKETIO_DUMP_INTERRUPTED ? kind : kind + 1)
  }

  // MARK: Overruns

  /// Some were lost.
  private func beginAgain(_ place: UnsafeMutableRawPointer, _ receiver: inout FrameReceiver) {
    var length = Int(-ENOBUFS)
    // Also to the end of a dump that is under way: reading is what keeps it going.
    while length != Int(-EAGAIN) {
      if length == Int(-ENOBUFS) { lock.withLock { overruns += 1 } }
      length = unsafe Int(packetio_netlink_receive(descriptor, place, UInt32(Self.longest)))
    }
    forgetLinks(&receiver)
    begin(0)
  }

  /// Follows which links there are.
  private func noteLinks(in frame: RawSpan) {
    var offset = Self.header
    // A message has a header of 16 bytes, one about a link then struct ifinfomsg, of 16 too; see rtnetlink(7).
    while offset + 32 <= frame.byteCount {
      let type = frame.host16(at: offset + 4)
      // Of a family, it is not the link itself that goes.
      if frame.byte(at: offset + 16) == 0 {
        if type == Self.newLink { links.insert(frame.host32(at: offset + 20)) }
        if type == Self.delLink { links.remove(frame.host32(at: offset + 20)) }
      }
      offset += max(16, (Int(frame.host32(at: offset)) + 3) & ~3)
    }
  }

  /// RTM_NEWLINK and RTM_DELLINK of linux/rtnetlink.h.
  private static let newLink: UInt16 = 16
  private static let delLink: UInt16 = 17
  /// NLM_F_DUMP_INTR of linux/netlink.h.
  private static let interrupted: UInt16 = 0x10

  /// Says of every link that it is gone; and that nobody but this host says so.
  private func forgetLinks(_ receiver: inout FrameReceiver) {
    for index in links.sorted() {
      var frame = [UInt8](repeating: 0, count: Self.header + 32)
      unsafe frame.withUnsafeMutableBytes { bytes in
        // The cooked header, struct nlmsghdr, struct ifinfomsg. All offsets are inside of the 48 bytes.
        unsafe bytes.storeBytes(of: NetlinkLink.hardware.bigEndian, toByteOffset: 2, as: UInt16.self)
        unsafe bytes.storeBytes(of: 32, toByteOffset: 16, as: UInt32.self)
        unsafe bytes.storeBytes(of: Self.delLink, toByteOffset: 20, as: UInt16.self)
        unsafe bytes.storeBytes(of: Self.interrupted, toByteOffset: 22, as: UInt16.self)
        unsafe bytes.storeBytes(of: index, toByteOffset: 36, as: UInt32.self)
      }
      unsafe receiver.receive(
        frame.span.bytes, CapturedFrame(number: 0, wireLength: frame.count, timestamp: WallClock.now))
    }
    links = []
  }
}
