import CNetISR
import CPacketIO

/// The way out of a device. [any thread], one at a time.
protocol FrameSender: AnyObject, Sendable {
  /// Writable when there is room again.
  var descriptor: Int32 { get }
  /// Sends packets, as many as there is room for, and frees none. Answers how many were sent, and, if not all, the errno
  /// value for the next one: EAGAIN says that there is no room now.
  func send(_ packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> (sent: Int, error: Int32)
}

/// Sends by a packet socket.
final class PacketSender: FrameSender {
  let descriptor: Int32
  private let isEthernet: Bool

  /// A socket that sends by the device with that index.
  init(device: String, index: UInt32, isEthernet: Bool) throws(LiveError) {
    descriptor = packetio_send_open(index)
    self.isEthernet = isEthernet
    guard descriptor >= 0 else { throw LiveError(descriptor, of: device, capability: "CAP_NET_RAW") }
  }

  deinit { closeDescriptor(descriptor) }

  func send(_ packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> (sent: Int, error: Int32) {
    var error: Int32 = 0
    let sent = unsafe packetio_socket_send(descriptor, packets.baseAddress, UInt32(packets.count), isEthernet, &error)
    return (Int(sent), error)
  }
}
