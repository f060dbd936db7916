import NIOCore
import NIOHTTP1

/// Sends one request when the connection is there, and keeps its promise with the reply.
final class HTTPReplyHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// Status and body.
  struct Reply: Sendable {
    var status: Int
    var body: [UInt8]
  }

  /// More than any host has to say, in bytes.
  private static let replyLimit = 64 << 20

  private let method: HTTPMethod
  private let path: String
  private let body: [UInt8]
  private let promise: EventLoopPromise<Reply>
  private var reply = Reply(status: 0, body: [])

  init(_ method: HTTPMethod, _ path: String, _ body: [UInt8], _ promise: EventLoopPromise<Reply>) {
    self.method = method
    self.path = path
    self.body = body
    self.promise = promise
  }

  func channelActive(context: ChannelHandlerContext) {
    var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
    head.headers.add(name: "host", value: "netisr")
    head.headers.add(name: "connection", value: "close")
    if !body.isEmpty {
      head.headers.add(name: "content-type", value: "application/json")
    }
    head.headers.add(name: "content-length", value: "\(body.count)")
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !body.isEmpty {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      reply.status = Int(head.status.code)
    case .body(let part):
      guard reply.body.count + part.readableBytes <= Self.replyLimit else {
        promise.fail(ControlError(.failed, "the host's answer is longer than \(Self.replyLimit) bytes"))
        return context.close(promise: nil)
      }
      reply.body += part.readableBytesView
    case .end:
      promise.succeed(reply)
      context.close(promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    // After a reply this does nothing.
    promise.fail(ControlError(.failed, "the host hung up without an answer"))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.fail(error)
    context.close(promise: nil)
  }
}
