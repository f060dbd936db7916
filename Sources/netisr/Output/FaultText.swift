import ControlPlane
import Glibc

/// Faults as `netisr faults` prints them.
enum FaultText {
  /// A table.
  static func list(_ faults: [FaultSummary]) -> String {
    var table = TextTable([
      ("No", .right), ("Time", .left), ("Plugin", .left), ("Gen", .right), ("Fault", .left), ("Place", .left),
    ])
    for fault in faults {
      table.add([
        "\(fault.number)", date(fault.time), fault.plugin ?? "-", "\(fault.generation)", fault.summary, fault.place,
      ])
    }
    return table.text
  }

  /// All that is known of one.
  static func whole(_ fault: FaultSummary) -> String {
    var text =
      "\(fault.plugin ?? "unknown plugin") generation \(fault.generation): \(fault.summary) in \(fault.place)\n"
    text += "time      \(date(fault.time))\n"
    text += "build-id  \(fault.buildID ?? "none")\n"
    text += "protocol  \(fault.proto)\n"
    text += "signal    \(fault.signal), code \(fault.code), address \(fault.address)\n"
    text += "thread    \(fault.thread)\n"
    if let outcome = fault.outcome { text += "outcome   \(outcome)\n" }
    text += "\nbacktrace\n"
    for (index, place) in fault.backtrace.enumerated() { text += "  #\(index)  \(place)\n" }
    text += "\nregisters\n"
    for (index, register) in fault.registers.sorted(by: { $0.key < $1.key }).enumerated() {
      let name = register.key + String(repeating: " ", count: max(1, 8 - register.key.count))
      let value = register.value + String(repeating: " ", count: max(1, 20 - register.value.count))
      text += (index % 3 == 0 ? "  " : "") + name + value + (index % 3 == 2 ? "\n" : "")
    }
    if fault.registers.count % 3 != 0 { text += "\n" }
    if let events = fault.events, !events.isEmpty {
      text += "\nlast events\n" + events.map { "  \($0)\n" }.joined()
    }
    text += "\npacket, \(fault.packetLength) bytes\n" + dump(fault.packetBytes)
    return text
  }

  /// Sixteen bytes a line, as tcpdump -x has them.
  private static func dump(_ bytes: [UInt8]) -> String {
    stride(from: 0, to: bytes.count, by: 16).map { start in
      let line = bytes[start..<min(start + 16, bytes.count)]
      let offset = String(start, radix: 16)
      return "  0x" + String(repeating: "0", count: max(0, 4 - offset.count)) + offset + ":"
        + line.map { ($0 < 16 ? " 0" : " ") + String($0, radix: 16) }.joined() + "\n"
    }.joined()
  }

  /// Local time.
  private static func date(_ nanoseconds: UInt64) -> String {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = unsafe tm()
    unsafe localtime_r(&seconds, &parts)
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      let length = unsafe strftime(text.baseAddress!, 64, "%Y-%m-%d %H:%M:%S", &parts)
      return unsafe String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
