import NetISR
import PluginHost

/// A fault of a plugin's code: what `netisr faults show` prints. It is kept in a file of this form, too.
public struct FaultSummary: Codable, Sendable {
  /// Counted from 1; goes on over a restart where faults are kept in a directory.
  public var number: Int
  /// When: nanoseconds since 1970.
  public var time: UInt64
  /// The plugin's name; left out for code of an image that is not known.
  public var plugin: String?
  /// Which of its generations.
  public var generation: Int
  /// The GNU build-id of the image, in hexadecimal.
  public var buildID: String?
  /// The protocol number in whose service it ran.
  public var proto: Int
  /// `SIGSEGV`, ...
  public var signal: String
  /// What happened, in a few words: `SIGSEGV at 0x10`.
  public var summary: String
  /// Where in the plugin's image.
  public var place: String
  /// `si_code` of sigaction(2).
  public var code: Int32
  /// What was touched, as "0x...".
  public var address: String
  /// The kernel's number of the thread.
  public var thread: Int32
  /// The calls that led there, the innermost first.
  public var backtrace: [String]
  /// By name, as "0x...".
  public var registers: [String: String]
  /// What was done about a thread that never came back; left out for others.
  public var outcome: String?
  /// What happened before, a line each: changes of the engine, the workstream's figures, the batch in hand. Left out in
  /// files of older hosts.
  public var events: [String]?
  /// The packet in flight, or its beginning, as its handler left it: hexadecimal. Empty where there was none.
  public var packet: String
  /// Bytes of that packet.
  public var packetLength: Int

  enum CodingKeys: String, CodingKey {
    case number, time, plugin, generation, proto, signal, summary, place, code, address, thread, backtrace, registers
    case outcome, events, packet
    case buildID = "build_id"
    case packetLength = "packet_length"
  }

  init(_ report: FaultReport, number: Int) {
    let fault = report.fault
    self.number = number
    time = fault.time
    plugin = report.plugin
    generation = report.generation
    buildID = report.buildID
    proto = report.proto
    signal = fault.signalName
    summary = report.summary
    place = report.place
    code = fault.code
    address = Self.hexadecimal(fault.address)
    thread = fault.thread
    backtrace = report.backtrace
    registers = Dictionary(
      fault.registers.map { ($0.name, Self.hexadecimal($0.value)) }, uniquingKeysWith: { first, _ in first })
    outcome = fault.outcome
    events = report.events
    packet = fault.packet.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    packetLength = fault.packetLength
  }

  private static func hexadecimal(_ value: UInt) -> String { "0x" + String(value, radix: 16) }

  /// The bytes of `packet`.
  public var packetBytes: [UInt8] {
    let digits = packet.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

/// What `netisr faults --json` prints.
public struct FaultList: Codable, Sendable {
  /// Oldest first.
  public var faults: [FaultSummary]
}
