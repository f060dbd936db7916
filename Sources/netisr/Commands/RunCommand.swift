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

      An interface is file:PATH (a capture), packet:DEVICE, tap:DEVICE, epair:NAME, atm:NAME or netlink:, with ?OPTIONS behind; \
      `netisr if --help` has them all. A device that is not there, or may not be opened, is waited for. Packets of captures \
      wait rather than overflow a queue; those of devices are dropped then, and counted.

      A configuration file (YAML) has the names of these options as keys, and a map of settings. What the command line \
      says goes before what the file says; interfaces and settings of both are made. SIGHUP has the file read again: if \
      it is wrong, nothing changes.

      Opening devices takes CAP_NET_RAW (packet) and CAP_NET_ADMIN (tap): as root, by file capabilities, or by ambient \
      ones. One thread keeps these two, and runs no plugin's code; everything else gives up all capabilities.

      SIGINT or SIGTERM ends the host in order: interfaces, queued packets, plugins, socket. A second one ends it at \
      once.

      EXAMPLES
          netisr run
          netisr run --interface 'file:capture.pcap?loop&pps=10000'
          netisr run --interface 'packet:eth0?promisc&queues=2' --interface netlink:
          netisr run --config /etc/netisr.yaml
          netisr run --keys /etc/netisr/keys --require-signatures --policy /etc/netisr/policy.yaml
          netisr run --dispatch hybrid --threads 4 --bind --control /tmp/netisr.sock
          curl --unix-socket /run/netisr.sock http://netisr/v1/stat
      """)

  @OptionGroup var engine: EngineOptions

  @Option(
    name: .customLong("interface"), help: ArgumentHelp("An interface; may be given several times.", valueName: "spec"),
    transform: InterfaceArgument.fromCommandLine)
  var interfaces: [InterfaceArgument] = []

  @OptionGroup var control: ControlOptions

  @Option(help: ArgumentHelp("A configuration file.", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("Keep reports of plugins' faults in this directory.", valueName: "dir"))
  var faults: String?

  @OptionGroup(title: "Trust") var trust: TrustOptions

  @Flag(help: "Bind each worker to a CPU, in turn over those that the process may use. (net.isr.bindthreads)")
  var bind = false

  @Flag(help: "Workers never sleep: less delay for queued packets, and a whole CPU for each. (net.isr.polling)")
  var poll = false

  @Flag(help: "Try each plugin out in a process of its own before it is loaded: see `netisr probe`. (net.isr.probe)")
  var probe = false

  @Option(help: ArgumentHelp("The least level that is logged. (default: info)", valueName: "level"))
  var logLevel: Logger.Level?

  func run() throws {
    // Before any thread exists: all threads inherit it.
    HostSignals.block()
    var plan = try orFail { () throws(ControlError) in try readPlan() }
    let logger = Log.logger(plan.logLevel ?? .info)
    let socket = try orFail { () throws(ControlError) in try ControlSocket(plan.control).bind() }
    defer { socket.removeName() }
    // Before any thread that could run a plugin's code exists.
    let privileges = PrivilegedThread()
    try orFail { () throws(ControlError) in try PrivilegedThread.dropRights() }
    let host = try orFail { () throws(ControlError) in
      try Host(try plan.host(), privileges: privileges, logger: logger)
    }
    do {
      let server = try start(host, plan, socket, logger)
      logger.info("ready: control socket \(socket.path)")
      var signal = HostSignals.wait()
      while signal == "SIGHUP", config != nil {
        reload(host, &plan, logger)
        signal = HostSignals.wait()
      }
      logger.info("\(signal): ending")
      server.stop()
    } catch {
      host.stop()
      throw error
    }
    let leaked = host.stop()
    if leaked != 0 {
      let holders = host.leaks().map(\.text).joined(separator: ", ")
      logger.warning(
        "\(leaked) mbufs leaked: held when all plugins and tables were gone\(holders.isEmpty ? "" : ": ")\(holders)")
    }
    logger.info("ended")
  }

  /// What the command line and the file say.
  private func readPlan() throws(ControlError) -> RunConfiguration {
    var said = RunConfiguration()
    said.plugins = engine.pluginDirectory
    said.control = control.path
    said.dispatch = engine.dispatch
    said.threads = engine.threads
    said.bind = bind ? true : nil
    said.poll = poll ? true : nil
    said.probe = probe ? true : nil
    said.faults = faults
    said.trust = trust.configuration
    said.logLevel = logLevel
    said.interfaces = interfaces
    guard let config else { return said }
    return said.over(try RunConfiguration(file: config))
  }

  private func start(
    _ host: Host, _ plan: RunConfiguration, _ socket: BoundSocket, _ logger: Logger
  ) throws -> ControlServer {
    try orFail { () throws(ControlError) in
      try host.loadPlugins(from: plan.plugins ?? engine.plugins, watching: true)
      try host.begin(plan)
      return try ControlServer(socket, host: host, logger: logger)
    }
  }

  /// Goes over to what the file says now.
  private func reload(_ host: Host, _ plan: inout RunConfiguration, _ logger: Logger) {
    do throws(ControlError) {
      let new = try readPlan()
      let (done, failed) = host.change(from: plan, to: new)
      for line in done { logger.info("\(line)") }
      for line in failed { logger.error("\(line)") }
      plan = new
      logger.info("SIGHUP: the configuration was read again: \(done.count) changes, \(failed.count) failures")
    } catch {
      logger.error("SIGHUP: \(error); nothing was changed")
    }
  }
}
