import NIOCore

/// A connection to the API that is no socket's: for who has bytes, and wants to see what becomes of them.
package enum ControlConnection {
  /// Has a host answer on a channel, on its event loop: it waits as long as operations take.
  package static func open(_ channel: any Channel, to host: Host) throws {
    let router = Router(host: host)
    try HTTPRequestHandler.take(channel) { request, eventLoop in
      eventLoop.makeSucceededFuture(router.respond(to: request))
    }
  }
}
