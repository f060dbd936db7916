import Foundation

let usage = """
  usage: Replays NETISR PLUGINS SAMPLES [CAPTURE]
         Replays 1,000,000 packets, the frames of the captures in the folder SAMPLES again and again, and prints ns per
         packet: of mixed Ethernet traffic, with one and with two workers, and by protocol. A protocol's line is a capture that
         holds its frames only, with direct dispatch; beside it the same without plugins, which is reading and making packets
         alone. The difference is the handlers'. "frames" says how many different ones there are. CAPTURE is replayed as it is,
         four times over.

  """

/// Frames of one kind.
struct Kind {
  let name: String
  let capture: Capture

  /// From the captures of a folder.
  static func all(in folder: String) throws -> [Kind] {
    let ethernet = try Capture("\(folder)/ethernet.pcap")
    /// The Ethernet frames of an IP protocol, and the packets in them.
    func both(_ name: String, _ choose: (Frame) -> Bool) -> [Kind] {
      [
        Kind(name: name, capture: ethernet.filtered(linkType: 101, cut: 14, choose)),
        Kind(name: "ether, \(name)", capture: ethernet.filtered(linkType: 1, choose)),
      ]
    }
    return both("ip") { $0.etherType == 0x0800 && $0.ipProtocol != 2 }
      + both("ip, igmp") { $0.etherType == 0x0800 && $0.ipProtocol == 2 } + both("ip6") { $0.etherType == 0x86dd }
      + [
        Kind(name: "ether, arp", capture: ethernet.filtered(linkType: 1) { $0.etherType == 0x0806 }),
        Kind(name: "ether (tagged), ip and others", capture: try Capture("\(folder)/vlan.pcap")),
        Kind(name: "natm", capture: try Capture("\(folder)/atm-cells.pcap")),
        Kind(name: "route", capture: try Capture("\(folder)/netlink.pcap")),
      ]
  }
}

func number(_ value: Double) -> String { String(format: "%10.1f", value) }

let arguments = Array(CommandLine.arguments.dropFirst())
guard (3...4).contains(arguments.count) else {
  FileHandle.standardError.write(Data(usage.utf8))
  exit(64)
}
do {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("replays-\(getpid())").path
  let none = folder + "/none"
  try FileManager.default.createDirectory(atPath: none, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let loops = 4
  let packets = 1_000_000
  let replay = Replay(netisr: arguments[0], plugins: arguments[1], loops: loops, rounds: 5)
  let file = folder + "/frames.pcap"

  /// Prints what a capture of so many frames costs.
  func report(_ name: String, _ file: String, frames: Int) throws {
    let costs = try [
      ["--dispatch", "direct"], ["--dispatch", "deferred", "--threads", "1"],
      ["--dispatch", "deferred", "--threads", "2"],
    ].map { try replay.cost([file], $0) }
    print(
      name.padding(toLength: 32, withPad: " ", startingAt: 0)
        + String(format: "%8d", frames) + String(format: "%9.1f%12.1f%13.1f", costs[0], costs[1], costs[2]))
  }

  print("ns per packet, median of 5        frames   direct  one worker  two workers")
  let mixed = try Capture("\(arguments[2])/ethernet.pcap")
  try mixed.write(file, count: packets / loops)
  try report("all plugins, mixed traffic", file, frames: mixed.records.count)
  if arguments.count > 3 {
    try report("all plugins, recorded traffic", arguments[3], frames: try Capture(arguments[3]).records.count)
  }

  print("\nby protocol, direct               frames     total   reading  handlers")
  for kind in try Kind.all(in: arguments[2]) {
    let count = kind.capture.records.count
    guard count > 0 else { throw Failure("\(kind.name): expected frames of it in \(arguments[2]), found none") }
    try kind.capture.write(file, count: packets / loops)
    let total = try replay.cost([file], ["--threads", "1"])
    let reading = try replay.cost([file], ["--threads", "1"], plugins: none)
    print(
      kind.name.padding(toLength: 32, withPad: " ", startingAt: 0) + String(format: "%8d", count)
        + number(total) + number(reading) + number(total - reading))
  }
} catch {
  FileHandle.standardError.write(Data("Replays: \(error)\n".utf8))
  exit(1)
}
