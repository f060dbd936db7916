import ArgumentParser
import ControlPlane
import Logging

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a host: an engine, the plugins of a directory, interfaces, and a control socket.",
    discussion: """
      The directory is watched: a plugin that is dropped in is loaded, one that is replaced is swapped without a packet \
      lost, one that is deleted is unloaded. A file that is refused is listed with its reasons; the host goes on.

      An interface is file:PATH?OPTIONS, a capture as a source. Options, separated by &: loop (for ever), loop=N, pps=N \
      (packets per second), vnet=N, pair (Ethernet frames go through a pair of interfaces). Packets wait rather than overflow a queue.

      SIGINT or SIGTERM ends the host in order: interfaces, queued packets, plugins, socket. A second one ends it at \
      once.

      EXAMPLES
          netisr run
          netisr run --plugins plugins.d --interface 'file:capture.pcap?loop&pps=10000'
          netisr run --dispatch hybrid --threads 4 --bind --control /tmp/netisr.sock
          curl --unix-socket /run/netisr.sock http://netisr/v1/stat
      """)

  @OptionGroup var engine: EngineOptions

  @Option(
    name: .customLong("interface"), help: ArgumentHelp("An interface; may be given several times.", valueName: "spec"),
    transform: InterfaceArgument.fromCommandLine)
  var interfaces: [InterfaceArgument] = []

  @OptionGroup var control: ControlOptions

  @Option(help: ArgumentHelp("Keep reports of plugins' faults in this directory.", valueName: "dir"))
  var faults: String?

  @Flag(help: "Bind each worker to a CPU, in turn over those that the process may use. (net.isr.bindthreads)")
  var bind = false

  @Flag(help: "Workers never sleep: less delay for queued packets, and a whole CPU for each. (net.isr.polling)")
  var poll = false

  @Option(help: ArgumentHelp("The least level that is logged.", valueName: "level"))
  var logLevel = Logger.Level.info

  func run() throws {
    // Before any thread exists: all threads inherit it.
    EndSignals.block()
    let logger = Log.logger(logLevel)
    let socket = try orFail { () throws(ControlError) in try ControlSocket(control.path).bind() }
    var configuration = engine.configuration()
    configuration.bindThreads = bind
    configuration.polling = poll
    configuration.faultDirectory = faults
    let host = try orFail { () throws(ControlError) in try Host(configuration, logger: logger) }
    do {
      defer { socket.removeName() }
      let server = try start(host, socket, logger)
      logger.info("ready: control socket \(socket.path)")
      let signal = EndSignals.wait()
      logger.info("\(signal): ending")
      server.stop()
    } catch {
      host.stop()
      throw error
    }
    let leaked = host.stop()
    if leaked != 0 { logger.warning("\(leaked) mbufs leaked: held when all plugins and tables were gone") }
    logger.info("ended")
  }

  private func start(_ host: Host, _ socket: BoundSocket, _ logger: Logger) throws -> ControlServer {
    try orFail { () throws(ControlError) in
      try host.loadPlugins(from: engine.plugins, watching: true)
      for interface in interfaces { try host.start(interface, isPatient: true) }
      return try ControlServer(socket, host: host, logger: logger)
    }
  }
}
