import Foundation
import TestSupport
import Testing

extension NetworkNamespace {
  /// Sends echo requests with ping(8), and expects that the kernel gets as many replies. What ping counts is not the
  /// judge: it ends two round trips after the last request, which a machine that has much to do may take longer for.
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
    let received = try echoReplies(beyond: before, upTo: count)
    #expect(received == count, "ping \(options): \(text)", sourceLocation: sourceLocation)
  }

  /// What ping(8) has sent, by its own words; -1 if it does not say.
  static func sent(_ text: String) -> Int {
    let words = text.split { $0 == "\n" || $0 == "," }.map { $0.trimmingCharacters(in: .whitespaces) }
    return words.first { $0.hasSuffix("packets transmitted") }.flatMap { Int($0.prefix { $0.isNumber }) } ?? -1
  }

  /// How many echo replies have come since there were `before`: waits for `count` of them, five seconds at most.
  func echoReplies(beyond before: Int, upTo count: Int) throws -> Int {
    var received = 0
    for _ in 0..<50 {
      received = try echoReplies() - before
      if received >= count { break }
      usleep(100_000)
    }
    return received
  }

  /// Echo replies that the kernel has received, of IPv4 and IPv6, put together if they came in fragments.
  func echoReplies() throws -> Int {
    let lines = try output(of: "cat /proc/net/snmp").split(separator: "\n").filter { $0.hasPrefix("Icmp: ") }
    guard lines.count == 2 else { throw Surprise(description: "no ICMP statistics: \(lines)") }
    let names = lines[0].split(separator: " ")
    let values = lines[1].split(separator: " ")
    guard let place = names.firstIndex(of: "InEchoReps"), place < values.count, let value = Int(values[place]) else {
      throw Surprise(description: "no count of echo replies: \(lines)")
    }
    let six = try output(of: "cat /proc/net/snmp6").split(separator: "\n").first { $0.hasPrefix("Icmp6InEchoReplies") }
    return value + (six?.split { $0 == " " || $0 == "\t" }.last.flatMap { Int($0) } ?? 0)
  }
}
