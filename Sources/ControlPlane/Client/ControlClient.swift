import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// Talks to a running host through its control socket. Each call is one connection, and waits for the answer.
///
/// [any thread] that is not an event loop.
public struct ControlClient: Sendable {
  /// The host's socket.
  public let socket: ControlSocket
  /// How long a look may take.
  public var readTimeout = TimeAmount.seconds(30)
  /// How long a change may take: an unload waits until every thread has left the plugin.
  public var changeTimeout = TimeAmount.minutes(10)

  /// A client of the host at `socket`.
  public init(_ socket: ControlSocket) {
    self.socket = socket
  }

  /// Every generation that is mapped, and every refused file.
  public func plugins() throws(ControlError) -> PluginList { try get("plugins") }

  /// Loads a file. The path is the host's, so it must be absolute.
  public func load(_ path: String) throws(ControlError) -> PluginSummary {
    try send(.POST, "plugins", JSON.encode(LoadRequest(file: path)))
  }

  /// Unloads a plugin.
  public func unload(_ name: String) throws(ControlError) -> PluginSummary {
    try send(.DELETE, "plugins/\(Self.escape(name))")
  }

  /// Swaps a plugin for what its file has now.
  public func reload(_ name: String) throws(ControlError) -> PluginSummary {
    try send(.POST, "plugins/\(Self.escape(name))/reload")
  }

  /// Every interface.
  public func interfaces() throws(ControlError) -> InterfaceList { try get("interfaces") }

  /// Makes an interface. A path in it is the host's, so it must be absolute.
  public func addInterface(_ spec: String) throws(ControlError) -> InterfaceList {
    try send(.POST, "interfaces", JSON.encode(InterfaceRequest(spec: spec)))
  }

  /// Takes an interface away; answers what it had done.
  public func removeInterface(_ name: String) throws(ControlError) -> InterfaceList {
    try send(.DELETE, "interfaces/\(Self.escape(name))")
  }

  /// Statistics.
  public func statistics() throws(ControlError) -> HostStatistics { try get("stat") }

  /// The faults of plugins that are kept.
  public func faults() throws(ControlError) -> FaultList { try get("faults") }

  /// One of them.
  public func fault(_ number: Int) throws(ControlError) -> FaultSummary { try get("faults/\(number)") }

  /// All tables.
  public func tables() throws(ControlError) -> TableList { try get("tables") }

  /// A table's entries in a vnet, at most `limit`.
  public func table(_ name: String, vnet: UInt32, limit: Int) throws(ControlError) -> TableContent {
    try get("tables/\(Self.escape(name))?vnet=\(vnet)&limit=\(limit)")
  }

  /// All settings.
  public func settings() throws(ControlError) -> SettingList { try get("settings") }

  /// One setting.
  public func setting(_ name: String) throws(ControlError) -> SettingValue { try get("settings/\(Self.escape(name))") }

  /// Changes a setting.
  public func set(_ name: String, to value: String) throws(ControlError) -> SettingChange {
    try send(.PUT, "settings/\(Self.escape(name))", JSON.encode(SettingRequest(value: value)))
  }

  // MARK: Requests

  func get<Answer: Decodable>(_ resource: String) throws(ControlError) -> Answer {
    try send(.GET, resource)
  }

  func send<Answer: Decodable>(
    _ method: HTTPMethod, _ resource: String, _ body: [UInt8] = []
  ) throws(ControlError) -> Answer {
    let reply = try exchange(method, "/v1/\(resource)", body)
    guard (200..<300).contains(reply.status) else {
      guard let error = try? JSON.decode(ErrorBody.self, from: reply.body) else {
        throw ControlError(.failed, "\(socket.path): the host answered with status \(reply.status)")
      }
      throw ControlError(.failed, error.error, problems: error.problems)
    }
    do {
      return try JSON.decode(Answer.self, from: reply.body)
    } catch {
      throw ControlError(.failed, "\(socket.path): the host answered what this program does not understand: \(error)")
    }
  }

  private func exchange(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8]
  ) throws(ControlError) -> HTTPReplyHandler.Reply {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    defer { try? group.syncShutdownGracefully() }
    let timeout = method == .GET ? readTimeout : changeTimeout
    let promise = group.next().makePromise(of: HTTPReplyHandler.Reply.self)
    let bootstrap = ClientBootstrap(group: group).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHTTPClientHandlers()
        try pipeline.addHandler(HTTPReplyHandler(method, path, body, promise))
      }
    }
    let expiry = group.next().scheduleTask(in: timeout) {
      promise.fail(ControlError(.failed, "\(socket.path): no answer within \(timeout.nanoseconds / 1_000_000_000) s"))
    }
    bootstrap.connect(unixDomainSocketPath: socket.path).whenFailure { promise.fail($0) }
    defer { expiry.cancel() }
    do {
      return try promise.futureResult.wait()
    } catch let error as ControlError {
      throw error
    } catch {
      throw connectionError(error)
    }
  }

  private func connectionError(_ error: any Error) -> ControlError {
    switch (error as? IOError)?.errnoCode {
    case ENOENT, ECONNREFUSED:
      ControlError(.failed, "no host answers at \(socket.path): start one with `netisr run`")
    case let code?:
      unsafe ControlError(.failed, "no host answers at \(socket.path): \(String(cString: strerror(code)))")
    case nil:
      ControlError(.failed, "\(socket.path): \(error)")
    }
  }

  /// A name as a part of a path (RFC 3986): what is neither letter, digit nor one of "-._" is escaped.
  static func escape(_ name: String) -> String {
    var text = ""
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
      }
    }
    return text
  }
}
