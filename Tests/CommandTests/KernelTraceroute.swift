import Foundation
import TestSupport
import Testing

/// The kernel's probes for the hops of a way: traceroute(8).
extension NetworkNamespace {
  /// Why there is no traceroute here; nil where there is.
  static let tracerouteObstacle: String? = {
    let found = ["/usr/sbin/traceroute", "/usr/bin/traceroute"].contains {
      FileManager.default.isExecutableFile(atPath: $0)
    }
    return found ? nil : "no traceroute: Debian's package of that name"
  }()

  /// Expects that each probe was answered, three for each hop, and by whom.
  ///
  /// - Parameters:
  ///   - hops: addresses, the last one is the destination.
  ///   - options: of traceroute; `-I` sends echo requests, else it is UDP to ports that nobody has.
  func expectTrace(_ hops: [String], _ options: String = "", sourceLocation: SourceLocation = #_sourceLocation) throws {
    let destination = try #require(hops.last)
    let text = try output(of: "traceroute -n -w 3 -q 3 -m 6 \(options) \(destination)")
    // " 1  10.9.1.2  0.041 ms  0.012 ms  0.011 ms"
    let lines = text.split(separator: "\n").dropFirst().map { $0.split(separator: " ") }
    #expect(lines.map { $0.dropFirst().first.map(String.init) } == hops, "\(text)", sourceLocation: sourceLocation)
    for line in lines {
      #expect(line.filter { $0 == "ms" }.count == 3 && !line.contains("*"), "\(text)", sourceLocation: sourceLocation)
    }
  }
}
