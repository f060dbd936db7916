import CNetISRHost
import Glibc

/// What is mapped into this process (proc_pid_maps(5)).
public enum ProcessMaps {
  /// Whether a memory file of that name is mapped.
  static func contains(_ name: String) -> Bool { mappings(of: name).count > 0 }

  /// Bytes of a memory file that are mapped as code.
  static func codeSize(of name: String) -> UInt { mappings(of: name).code }

  private static func mappings(of name: String) -> (count: UInt32, code: UInt) {
    var code: UInt64 = 0
    let count = unsafe netisr_host_mappings_of("/memfd:\(name) (deleted)", &code)
    return (count, UInt(code))
  }

  /// The names of all mapped memory files that begin with `prefix`, each once.
  public static func memoryFiles(prefix: String) -> Set<String> {
    let marker = "/memfd:"
    let tail = " (deleted)"
    var names: Set<String> = []
    for line in lines() where line.hasSuffix(tail) {
      // The path is the last field, and has no spaces but the tail's.
      guard let field = line.dropLast(tail.count).split(separator: " ").last, field.hasPrefix(marker) else { continue }
      let name = field.dropFirst(marker.count)
      if name.hasPrefix(prefix) { names.insert(String(name)) }
    }
    return names
  }

  /// Mappings, by number.
  public static var count: Int { lines().count }

  private static func lines() -> [Substring] {
    let descriptor = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = unsafe read(descriptor, &block, block.count)
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else { break }
      text += block[..<got]
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n")
  }
}
