import NIOCore
import NIOHTTP1

/// One connection: puts requests together, has them answered, and writes the answers in order.
final class HTTPRequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// The largest body that is read, in bytes.
  static let bodyLimit = 64 << 10

  private let answer: (APIRequest, any EventLoop) -> EventLoopFuture<APIResponse>
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []

  init(answer: @escaping (APIRequest, any EventLoop) -> EventLoopFuture<APIResponse>) {
    self.answer = answer
  }

  /// Has one of these answer on a new connection, of whatever kind. On its event loop.
  static func take(
    _ channel: any Channel, answer: @escaping (APIRequest, any EventLoop) -> EventLoopFuture<APIResponse>
  ) throws {
    let pipeline = channel.pipeline.syncOperations
    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
    try pipeline.addHandler(HTTPRequestHandler(answer: answer))
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
      let announced = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
      if announced > Self.bodyLimit { refuseBody(context, head) }
    case .body(let part):
      guard let head else { return }
      guard body.count + part.readableBytes <= Self.bodyLimit else { return refuseBody(context, head) }
      body += part.readableBytesView
    case .end:
      guard let head else { return }
      self.head = nil
      run(context, head)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func run(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    let request = APIRequest(method: head.method.rawValue, target: head.uri, body: body)
    body = []
    answer(request, context.eventLoop).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let response):
        self.write(response, context, keepAlive: head.isKeepAlive, withBody: head.method != .HEAD)
      case .failure:
        let ending = APIResponse(503, ErrorBody(error: "the host is ending", problems: []))
        self.write(ending, context, keepAlive: false)
      }
    }
  }

  /// Answers before the request has ended, and hangs up.
  private func refuseBody(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    self.head = nil
    let error = ErrorBody(error: "body: expected at most \(Self.bodyLimit) bytes", problems: [])
    write(APIResponse(413, error), context, keepAlive: false)
  }

  private func write(
    _ response: APIResponse, _ context: ChannelHandlerContext, keepAlive: Bool, withBody: Bool = true
  ) {
    guard context.channel.isActive else { return }
    let text = response.body + [UInt8(ascii: "\n")]
    var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: response.status))
    head.headers.add(name: "content-type", value: "application/json")
    head.headers.add(name: "content-length", value: "\(text.count)")
    head.headers.add(name: "connection", value: keepAlive ? "keep-alive" : "close")
    if !response.allow.isEmpty { head.headers.add(name: "allow", value: response.allow.joined(separator: ", ")) }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if withBody {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: text)))), promise: nil)
    }
    let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    if !keepAlive {
      written.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }
  }
}
