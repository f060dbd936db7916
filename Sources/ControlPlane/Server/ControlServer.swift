import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Serves the API on a Unix socket: HTTP/1.1 with JSON bodies, for the command and for `curl --unix-socket`.
///
/// One event loop reads and writes; what may block runs elsewhere: changes one after another on one thread, reads on
/// another, so that a look at the state never waits for a slow unload.
public final class ControlServer: Sendable {
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let changes = NIOThreadPool(numberOfThreads: 1)
  private let reads = NIOThreadPool(numberOfThreads: 1)
  private let socket: BoundSocket
  private let channel: any Channel

  /// Answers on a bound socket until `stop`. Who has connected before gets answers as well.
  public init(_ bound: BoundSocket, host: Host, logger: Logger) throws(ControlError) {
    self.socket = bound
    changes.start()
    reads.start()
    let (changes, reads) = (changes, reads)
    let router = Router(host: host)
    let bootstrap = ServerBootstrap(group: group).childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try HTTPRequestHandler.take(channel) { request, eventLoop in
          (request.isRead ? reads : changes).runIfActive(eventLoop: eventLoop) {
            let response = router.respond(to: request)
            logger.debug("\(request.method) \(request.path): \(response.status)")
            return response
          }
        }
      }
    }
    do {
      channel = try bootstrap.withBoundSocket(bound.descriptor).wait()
    } catch {
      throw ControlError(.failed, "control socket \(bound.path): \(error)")
    }
  }

  /// Takes no more requests, finishes those that run, and removes the socket.
  public func stop() {
    socket.removeName()
    // Closing what is closed already is no failure.
    try? channel.close().wait()
    try? changes.syncShutdownGracefully()
    try? reads.syncShutdownGracefully()
    try? group.syncShutdownGracefully()
  }
}
