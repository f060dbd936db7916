import CPacketIO
import Glibc

/// What the kernel says about its links. One thread at a time.
///
/// Safe: the buffer is private, and as long as the kernel's notifications get.
@safe
public final class LinkWatch: @unchecked Sendable {
  /// What became known of a device since the last look.
  public enum News: Sendable {
    /// Nothing.
    case nothing
    /// It is there; something of it changed, or notifications were lost.
    case changed
    /// It is not there any more.
    case gone
  }

  private static let longest = 64 << 10
  /// Readable when there is news.
  public let descriptor: Int32
  private let buffer: UnsafeMutableRawPointer

  /// From now on.
  public init() throws(LiveError) {
    let descriptor = packetio_netlink_open(true, 1 << 20)
    guard descriptor >= 0 else { throw LiveError(descriptor, of: "rtnetlink", capability: "CAP_NET_ADMIN") }
    self.descriptor = descriptor
    unsafe buffer = .allocate(byteCount: Self.longest, alignment: 16)
  }

  deinit {
    closeDescriptor(descriptor)
    unsafe buffer.deallocate()
  }

  /// Takes all that is there, and answers what the last of it says of a device.
  ///
  /// - Parameter index: the kernel's number of the device; nil: whichever has the name.
  public func news(of name: String, index: UInt32?) -> News {
    var news = News.nothing
    while true {
      let length = unsafe packetio_netlink_receive(descriptor, buffer, UInt32(Self.longest))
      switch length {
      case 1...:
        switch unsafe packetio_netlink_news(buffer, UInt32(length), name, index ?? 0) {
        case PACKETIO_LINK_CHANGED: news = .changed
        case PACKETIO_LINK_GONE: news = .gone
        default: break
        }
      case 0: break
      case Int64(-ENOBUFS): news = .changed
      default: return news
      }
    }
  }
}
