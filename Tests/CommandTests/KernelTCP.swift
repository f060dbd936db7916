import Foundation
import TestSupport

/// A transfer between TCP sockets of two kernels.
enum KernelTCP {
  /// What came of a transfer.
  struct Outcome: Equatable {
    var bytes: Int
    /// Over all bytes in order (FNV-1a, 64 bits, of words of eight).
    var checksum: UInt64
  }

  /// A transfer that runs on threads of its own.
  final class Transfer: @unchecked Sendable {
    private let group = DispatchGroup()
    // Written by one thread each, read after both have ended.
    fileprivate var sent = Outcome(bytes: 0, checksum: 0)
    fileprivate var received = Outcome(bytes: 0, checksum: 0)

    /// Waits for the end, so many seconds at most.
    func wait(seconds: Int) throws -> (sent: Outcome, received: Outcome) {
      guard group.wait(timeout: .now() + .seconds(seconds)) == .success else {
        throw Surprise(description: "a TCP transfer takes more than \(seconds) s")
      }
      return (sent, received)
    }

    fileprivate func start(_ body: @escaping @Sendable () -> Void) {
      group.enter()
      let thread = Thread { [group] in
        body()
        group.leave()
      }
      thread.start()
    }
  }

  /// Starts to send `count` bytes from one namespace to a listener in another.
  static func start(
    from client: NetworkNamespace, to server: NetworkNamespace, at address: String, port: UInt16 = 5001, count: Int
  ) throws -> Transfer {
    let isIPv6 = address.contains(":")
    let family = isIPv6 ? AF_INET6 : AF_INET
    let listener = try server.inside { socket(family, Int32(SOCK_STREAM.rawValue), 0) }
    let sender = try client.inside { socket(family, Int32(SOCK_STREAM.rawValue), 0) }
    guard listener >= 0, sender >= 0 else { throw Surprise(description: "socket: errno \(errno)") }
    try withAddress(address, port) { name, length in
      guard bind(listener, name, length) == 0, listen(listener, 1) == 0 else {
        throw Surprise(description: "bind \(address): errno \(errno)")
      }
    }
    let transfer = Transfer()
    transfer.start {
      let connection = accept(listener, nil, nil)
      var buffer = [UInt64](repeating: 0, count: 1 << 13)
      var outcome = Outcome(bytes: 0, checksum: 0xcbf2_9ce4_8422_2325)
      var kept = 0
      while true {
        let got = buffer.withUnsafeMutableBytes { recv(connection, $0.baseAddress! + kept, $0.count - kept, 0) }
        guard got > 0 else { break }
        outcome.bytes += got
        kept += got
        for index in 0..<(kept / 8) { outcome.add(buffer[index]) }
        // What is no whole word yet goes on in front.
        if kept % 8 > 0 { buffer[0] = buffer[kept / 8] }
        kept %= 8
      }
      transfer.received = outcome
      close(connection)
      close(listener)
    }
    transfer.start {
      var outcome = Outcome(bytes: 0, checksum: 0xcbf2_9ce4_8422_2325)
      let connected = (try? withAddress(address, port) { connect(sender, $0, $1) == 0 }) ?? false
      var word: UInt64 = 1
      var buffer = [UInt64](repeating: 0, count: 1 << 12)
      while connected, outcome.bytes < count {
        for index in buffer.indices {
          word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          buffer[index] = word
          outcome.add(word)
        }
        let isSent = buffer.withUnsafeBytes { bytes in
          var done = 0
          while done < bytes.count {
            let got = send(sender, bytes.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
            guard got > 0 else { return false }
            done += got
          }
          return true
        }
        guard isSent else { break }
        outcome.bytes += buffer.count * 8
      }
      transfer.sent = outcome
      close(sender)
    }
    return transfer
  }

  private static func withAddress<T>(
    _ address: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> T
  ) throws -> T {
    var storage = sockaddr_storage()
    let length = withUnsafeMutablePointer(to: &storage) { pointer in
      if address.contains(":") {
        return pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { name in
          name.pointee.sin6_family = sa_family_t(AF_INET6)
          name.pointee.sin6_port = port.bigEndian
          inet_pton(AF_INET6, address, &name.pointee.sin6_addr)
          return socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
      }
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { name in
        name.pointee.sin_family = sa_family_t(AF_INET)
        name.pointee.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &name.pointee.sin_addr)
        return socklen_t(MemoryLayout<sockaddr_in>.size)
      }
    }
    return try withUnsafePointer(to: &storage) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, length) }
    }
  }
}

extension KernelTCP.Outcome {
  fileprivate mutating func add(_ word: UInt64) { checksum = (checksum ^ word) &* 0x0000_0100_0000_01b3 }
}
