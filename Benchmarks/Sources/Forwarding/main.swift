import Foundation

let usage = """
  usage: Forwarding NETISR PLUGINS [SECONDS]
         Small UDP datagrams in one direction, as fast as one thread can send them, from one network namespace to another by way of
         a third: forwarded in turn by its kernel and by a host of plugins there (packet: interfaces). Prints thousands of packets
         per second and where packets were lost, medians of 5 rounds of SECONDS (2) each. Needs root, iproute2 and two CPUs at
         least; the sender takes one.
         Forwarding send ADDRESS SECONDS | sink
         What it runs inside of the namespaces.

  """

func fail(_ text: String, status: Int32) -> Never {
  FileHandle.standardError.write(Data(text.utf8))
  exit(status)
}

let arguments = Array(CommandLine.arguments.dropFirst())
do {
  switch (arguments.first, arguments.count) {
  case ("send", 3): try Traffic.send(to: arguments[1], seconds: Double(arguments[2]) ?? 1)
  case ("sink", 1): try Traffic.sink()
  case (.some, 2...3):
    guard let seconds = Double(arguments.count > 2 ? arguments[2] : "2"), seconds > 0 else { fail(usage, status: 64) }
    guard geteuid() == 0 else { throw Failure("network namespaces take root") }
    try compare(netisr: arguments[0], plugins: arguments[1], seconds: seconds)
  default: fail(usage, status: 64)
  }
} catch {
  fail("Forwarding: \(error)\n", status: 1)
}

/// Runs the rounds, and prints the table.
func compare(netisr: String, plugins: String, seconds: Double) throws {
  let network = try Network()
  defer { network.remove() }
  var kernel: [Round] = []
  var host: [Round] = []
  for _ in 0..<5 {
    kernel.append(try network.withKernel { try network.round(seconds, host: nil) })
    host.append(
      try network.withHost(netisr: netisr, plugins: plugins) { try network.round(seconds, host: $0) })
  }
  print("thousands of packets/s       sent   received    handled  arrived   share   lost before   in it")
  for (name, rounds) in [("kernel", kernel), ("host of plugins", host)] {
    let middle = rounds.sorted { $0.arrived < $1.arrived }[rounds.count / 2]
    func rate(_ count: Int, width: Int) -> String {
      String(format: "%\(width).0f", Double(count) / middle.seconds / 1000)
    }
    print(
      name.padding(toLength: 22, withPad: " ", startingAt: 0) + rate(middle.sent, width: 11)
        + rate(middle.received, width: 11) + rate(middle.handled, width: 11) + rate(middle.arrived, width: 9)
        + String(format: "%7.0f%%", 100 * Double(middle.arrived) / Double(max(middle.sent, 1)))
        + rate(middle.sent - middle.received, width: 14) + rate(middle.received - middle.arrived, width: 8))
  }
}

/// Something that went wrong.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
