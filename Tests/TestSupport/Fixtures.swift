import Foundation

/// Where tests find what they run.
public enum Fixtures {
  /// The folder of the test runner: the build's products lie beside it.
  public static let products: String = {
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (executable as NSString).deletingLastPathComponent
  }()

  /// A shipped plugin, as built with these tests.
  public static func plugin(_ name: String) -> String { "\(products)/lib\(name).so" }

  /// The names of the shipped protocols.
  public static let protocols = ["ether", "ip", "ip6", "arp", "igmp", "natm", "route", "epair"]

  /// The repository's root.
  public static let root: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
  }()

  /// A new, empty folder, removed when `body` has returned.
  public static func withTemporaryDirectory<T>(_ body: (String) throws -> T) throws -> T {
    var template = Array((NSTemporaryDirectory() + "/netisr-test-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
    let path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }
}
