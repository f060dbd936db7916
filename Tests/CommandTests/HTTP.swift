import Foundation

/// The plainest client of the API there is: bytes on a Unix socket.
enum HTTP {
  struct Answer {
    var text: String
    /// From the status line; 0 when there is none.
    var status: Int { text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }
    var body: String {
      text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
    }
  }

  /// One request, such as "GET /v1/stat", on a connection of its own.
  static func exchange(_ socket: String, _ request: String, body: String) throws -> Answer {
    try send(
      socket,
      "\(request) HTTP/1.1\r\nhost: netisr\r\nconnection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  /// Sends a text, and reads until the other end hangs up, or says nothing for 30 seconds.
  static func send(_ path: String, _ text: String) throws -> Answer {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connected == 0 else { throw POSIXError(.ECONNREFUSED) }
    // The other end may hang up before it has read everything.
    Array(text.utf8).withUnsafeBytes { _ = Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    var answer: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let got = recv(descriptor, &block, block.count, 0)
      guard got > 0 else { break }
      answer += block[..<got]
    }
    return Answer(text: String(decoding: answer, as: UTF8.self))
  }
}
