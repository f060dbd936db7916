import CNetISRHost
import Glibc

/// Files, and bytes that are to be read as one.
enum FileBytes {
  /// All of a file's.
  static func read(_ path: String) throws(FuzzFinding) -> [UInt8] {
    guard let file = unsafe fopen(path, "re") else {
      throw FuzzFinding(unsafe "\(path): \(String(cString: strerror(errno)))")
    }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = unsafe fread(&block, 1, block.count, file)
      if got == 0 { return bytes }
      bytes += block[..<got]
    }
  }

  /// Runs `body` with the path of a file in memory that has these bytes.
  static func withFile<Result>(_ bytes: [UInt8], _ body: (String) throws(FuzzFinding) -> Result) throws(FuzzFinding)
    -> Result
  {
    let descriptor = unsafe netisr_host_memfd("input")
    guard descriptor >= 0 else { throw FuzzFinding("memfd_create: errno \(-descriptor)") }
    defer { close(descriptor) }
    guard unsafe bytes.isEmpty || write(descriptor, bytes, bytes.count) == bytes.count else {
      throw FuzzFinding("memory file: errno \(errno)")
    }
    return try body("/proc/self/fd/\(descriptor)")
  }
}
