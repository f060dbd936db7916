import Foundation

/// What sends and what receives, each in a namespace of its own.
enum Traffic {
  private static let port: UInt16 = 9
  private static let batch = 64

  /// Sends datagrams of 18 bytes, frames of 60, for so many seconds.
  static func send(to address: String, seconds: Double) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    guard try unsafe withName(address, { unsafe connect(descriptor, $0, $1) }) == 0 else {
      throw Failure("connect \(address): errno \(errno)")
    }
    // Not among the functions that Swift sees of the C library.
    typealias SendMany = @convention(c) (Int32, UnsafeMutableRawPointer, UInt32, Int32) -> Int32
    guard let symbol = unsafe dlsym(nil, "sendmmsg") else { throw Failure("no sendmmsg(2)") }
    let sendMany = unsafe unsafeBitCast(symbol, to: SendMany.self)

    // struct mmsghdr is a msghdr and a length, padded. All of them point to the same bytes; both live until the end.
    let payload = UnsafeMutableRawPointer.allocate(byteCount: 18, alignment: 8)
    unsafe payload.initializeMemory(as: UInt8.self, repeating: 0, count: 18)
    let vector = UnsafeMutablePointer<iovec>.allocate(capacity: 1)
    unsafe vector.initialize(to: unsafe iovec(iov_base: payload, iov_len: 18))
    let stride = unsafe (MemoryLayout<msghdr>.size + 4 + 7) / 8 * 8
    let messages = UnsafeMutableRawPointer.allocate(byteCount: batch * stride, alignment: 8)
    unsafe messages.initializeMemory(as: UInt8.self, repeating: 0, count: batch * stride)
    for index in 0..<batch {
      var header = unsafe msghdr()
      unsafe header.msg_iov = unsafe vector
      unsafe header.msg_iovlen = 1
      unsafe messages.storeBytes(of: header, toByteOffset: index * stride, as: msghdr.self)
    }
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      for _ in 0..<16 { _ = unsafe sendMany(descriptor, messages, UInt32(batch), 0) }
    }
  }

  /// Takes datagrams, and looks at none: what does not fit into the socket's buffer is dropped by the kernel.
  static func sink() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    guard try unsafe withName("0.0.0.0", { unsafe bind(descriptor, $0, $1) }) == 0 else {
      throw Failure("bind: errno \(errno)")
    }
    while true { sleep(1000) }
  }

  private static func withName<T>(
    _ address: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> T
  ) throws -> T {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    guard unsafe inet_pton(AF_INET, address, &name.sin_addr) == 1 else { throw Failure("\(address): no IPv4 address") }
    return try unsafe withUnsafePointer(to: &name) { pointer in
      try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
