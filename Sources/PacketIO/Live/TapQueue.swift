import CNetISR
import CPacketIO
import Glibc

/// One queue of a tap device: what the kernel sends comes in here, what is sent here comes in to the kernel.
///
/// Safe: the buffer is private, and only the one thread that receives reads into it.
@safe
final class TapQueue: FrameSource, FrameSender, @unchecked Sendable {
  /// An MTU of 65,521 bytes, and headers.
  private static let longest = 1 << 16

  let descriptor: Int32
  let linkType = LinkType.en10MB
  private let buffer: UnsafeMutableRawBufferPointer

  /// Makes the device, or one more queue of it.
  init(device: String, hasQueues: Bool) throws(LiveError) {
    let descriptor = unsafe packetio_tap_open(device, hasQueues)
    switch -descriptor {
    case ...0: break
    case ENOENT, ENODEV, ENXIO:
      throw LiveError(.unsupported, "\(device): this system has no tap devices (/dev/net/tun)")
    case EINVAL:
      throw LiveError(.unsupported, "\(device): not a name for a tap device, or a device of another kind has it")
    case EBUSY: throw LiveError(.system, "\(device): another program is attached to this tap device")
    default: throw LiveError(descriptor, of: device, capability: "CAP_NET_ADMIN, and write access to /dev/net/tun,")
    }
    self.descriptor = descriptor
    unsafe buffer = .allocate(byteCount: Self.longest, alignment: 16)
  }

  deinit {
    closeDescriptor(descriptor)
    unsafe buffer.deallocate()
  }

  /// The kernel finishes checksums and cuts what is too long before it hands a frame to a tap device.
  func receive(into receiver: inout FrameReceiver, limit: Int) -> Int {
    let time = WallClock.now
    for count in 0..<limit {
      if receiver.isFull { return count }
      let length = unsafe read(descriptor, buffer.baseAddress, buffer.count)
      guard length > 0 else { return count }
      let frame = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<length]))
      receiver.receive(frame, CapturedFrame(number: 0, wireLength: length, timestamp: time))
    }
    return limit
  }

  func send(_ packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> (sent: Int, error: Int32) {
    var error: Int32 = 0
    let sent = unsafe packetio_tap_send(descriptor, packets.baseAddress, UInt32(packets.count), &error)
    return (Int(sent), error)
  }

  /// What finds the device's queue full is counted by the device itself: see `DeviceDrops`.
  func takeDrops() -> UInt64 { 0 }
}

/// close(2), where a method of that name is in the way.
func closeDescriptor(_ descriptor: Int32) { if descriptor >= 0 { close(descriptor) } }
