import Foundation
import TestSupport

/// A UDP socket of the kernel's inside of a namespace. One thread at a time.
final class KernelUDP: @unchecked Sendable {
  private let descriptor: Int32
  private var peer: sockaddr_in

  /// - Parameter segment: the kernel is to cut what is sent into datagrams of so many bytes, or leave that to the device.
  init(in namespace: NetworkNamespace, to address: String = "10.9.0.2", port: UInt16 = 7, segment: Int32 = 0) throws {
    descriptor = try namespace.inside { socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) }
    peer = sockaddr_in()
    peer.sin_family = sa_family_t(AF_INET)
    peer.sin_port = port.bigEndian
    inet_pton(AF_INET, address, &peer.sin_addr)
    var patience = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var room: Int32 = 8 << 20
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, 4)
    var segment = segment
    // UDP_SEGMENT of linux/udp.h, at the level of UDP.
    if segment > 0, setsockopt(descriptor, 17, 103, &segment, 4) != 0 { throw Surprise(description: "UDP_SEGMENT") }
    let connected = withUnsafePointer(to: &peer) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw Surprise(description: "connect: errno \(errno)") }
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) throws {
    guard Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count else {
      throw Surprise(description: "send of \(bytes.count) bytes: errno \(errno)")
    }
  }

  /// The next datagram; nil when none comes for five seconds.
  func receive() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count < 0 ? nil : Array(buffer[..<count])
  }

  /// Bytes that differ from place to place, and from seed to seed.
  static func pattern(_ count: Int, seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 131 &+ ($0 >> 8)) }
  }
}
