import Glibc

/// Inputs as files: `seed-0`, `seed-1`, ...
enum SeedFiles {
  static func write(_ inputs: [[UInt8]], to folder: String) throws {
    guard unsafe mkdir(folder, 0o755) == 0 || errno == EEXIST else {
      fail(unsafe "\(folder): \(String(cString: strerror(errno)))")
    }
    for (index, input) in inputs.enumerated() {
      let path = "\(folder)/seed-\(index)"
      guard let file = unsafe fopen(path, "we") else { fail(unsafe "\(path): \(String(cString: strerror(errno)))") }
      let written = unsafe fwrite(input, 1, input.count, file)
      guard unsafe fclose(file) == 0, written == input.count else { fail("\(path): not written") }
    }
  }
}
