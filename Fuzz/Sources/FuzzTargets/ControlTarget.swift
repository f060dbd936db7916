import ControlPlane
import Logging
import NIOCore
import NIOEmbedded

/// The control socket: what a client sends, as far as the connection lasts.
///
/// The host behind it has no plugins, so that nothing that is asked for takes long.
final class ControlTarget: FuzzTarget {
  private let host: Host

  init() throws(ControlError) {
    var configuration = Host.Configuration()
    configuration.threads = 1
    host = try Host(configuration, logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
  }

  deinit { host.stop() }

  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    let answer: [UInt8]
    do {
      answer = try exchange(input)
    } catch {
      // What NIO refuses ends the connection.
      return
    }
    guard answer.isEmpty || answer.starts(with: Array("HTTP/1.1 ".utf8)) else {
      throw FuzzFinding(
        "expected an answer that begins with HTTP/1.1, found \(String(decoding: answer.prefix(80), as: UTF8.self))")
    }
  }

  private func exchange(_ input: [UInt8]) throws -> [UInt8] {
    let channel = EmbeddedChannel()
    try channel.connect(to: SocketAddress(unixDomainSocketPath: "/control")).wait()
    try ControlConnection.open(channel, to: host)
    var answer: [UInt8] = []
    defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
    // In two parts: requests are put together over reads.
    for part in [input.prefix(input.count / 2), input.dropFirst(input.count / 2)] {
      try channel.writeInbound(ByteBuffer(bytes: part))
      channel.embeddedEventLoop.run()
    }
    while let part = try channel.readOutbound(as: ByteBuffer.self) { answer += part.readableBytesView }
    return answer
  }
}
