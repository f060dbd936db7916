import Foundation
import TestSupport

/// A socket of the kernel's for IPv6 inside of a namespace. One thread at a time.
final class KernelSocket6: @unchecked Sendable {
  enum Kind { case stream, datagram, icmp6 }

  private let descriptor: Int32
  /// errno of the last call that failed.
  private(set) var lastError: Int32 = 0

  init(_ kind: Kind, in namespace: NetworkNamespace) throws {
    descriptor = try namespace.inside {
      switch kind {
      case .stream: socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
      case .datagram: socket(AF_INET6, Int32(SOCK_DGRAM.rawValue), 0)
      case .icmp6: socket(AF_INET6, Int32(SOCK_RAW.rawValue), 58)
      }
    }
    guard descriptor >= 0 else { throw Surprise(description: "socket: errno \(errno)") }
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  private init(accepted descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  private func withAddress(
    _ address: String, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws {
    var storage = sockaddr_in6()
    storage.sin6_family = sa_family_t(AF_INET6)
    storage.sin6_port = port.bigEndian
    inet_pton(AF_INET6, address, &storage.sin6_addr)
    let result = withUnsafePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
      }
    }
    if result != 0 { throw Surprise(description: "\(address) port \(port): errno \(errno)") }
  }

  func connect(to address: String, port: UInt16) throws {
    try withAddress(address, port: port) { Glibc.connect(descriptor, $0, $1) }
  }

  /// Waits for one connection.
  func accept() throws -> KernelSocket6 {
    let connection = Glibc.accept(descriptor, nil, nil)
    guard connection >= 0 else { throw Surprise(description: "accept: errno \(errno)") }
    return KernelSocket6(accepted: connection)
  }

  func listen(port: UInt16) throws {
    try withAddress("::", port: port) { bind(descriptor, $0, $1) }
    guard Glibc.listen(descriptor, 1) == 0 else { throw Surprise(description: "listen: errno \(errno)") }
  }

  /// Sends all of it.
  func send(_ bytes: [UInt8]) throws {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Surprise(description: "send: errno \(errno)") }
      done += count
    }
  }

  /// Says that nothing more is sent.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// What there is, up to so many bytes; empty at the end, nil when nothing came or an error did.
  func receive(_ limit: Int) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &buffer, limit, 0)
    guard count >= 0 else {
      lastError = errno
      return nil
    }
    return Array(buffer[..<count])
  }

  /// Sends an ICMPv6 message, whose checksum the kernel fills in, to a group by a device, with a hop limit of 255.
  func send(message: [UInt8], to group: String, by device: String, in namespace: NetworkNamespace) throws {
    var index = try namespace.inside { Int32(if_nametoindex(device)) }
    var hops: Int32 = 255
    setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_MULTICAST_IF, &index, 4)
    setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_MULTICAST_HOPS, &hops, 4)
    try withAddress(group, port: 0) { address, length in
      let sent = message.withUnsafeBytes { sendto(descriptor, $0.baseAddress, $0.count, 0, address, length) }
      return sent == message.count ? 0 : -1
    }
  }
}
