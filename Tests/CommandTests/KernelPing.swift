import Foundation
import TestSupport
import Testing

extension NetworkNamespace {
  /// Sends echo requests with ping(8), and expects that the kernel gets as many replies. What ping counts is not the judge: it ends
  /// two round trips after the last request, which a machine that has much to do may take longer for.
  ///
  /// - Parameters:
  ///   - options: of ping, and the address.
  ///   - meanwhile: is done while ping runs.
  func expectAnswers(
    to count: Int, _ options: String, sourceLocation: SourceLocation = #_sourceLocation,
    meanwhile: () throws -> Void = {}
  ) throws {
    let before = try echoReplies()
    let words = ["-q", "-n", "-c", "\(count)"] + options.split(separator: " ").map(String.init)
    let ping = try Command.start(words, under: prefix, program: "ping")
    try meanwhile()
    ping.process.waitUntilExit()
    let text = try ping.result().output
    var received = 0
    // Five seconds, and no longer when something is lost.
    for _ in 0..<50 {
      received = try echoReplies() - before
      if received >= count { break }
      usleep(100_000)
    }
    #expect(received == count, "ping \(options): \(text)", sourceLocation: sourceLocation)
  }

  /// Echo replies that the kernel has received, put together if they came in fragments.
  private func echoReplies() throws -> Int {
    let lines = try output(of: "cat /proc/net/snmp").split(separator: "\n").filter { $0.hasPrefix("Icmp: ") }
    guard lines.count == 2 else { throw Surprise(description: "no ICMP statistics: \(lines)") }
    let names = lines[0].split(separator: " ")
    let values = lines[1].split(separator: " ")
    guard let place = names.firstIndex(of: "InEchoReps"), place < values.count, let value = Int(values[place]) else {
      throw Surprise(description: "no count of echo replies: \(lines)")
    }
    return value
  }
}
