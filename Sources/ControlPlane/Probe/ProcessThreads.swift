import Glibc

/// The threads of this process.
enum ProcessThreads {
  /// How many there are (proc_pid_task(5)); those that are about to end included.
  static var count: Int {
    guard let directory = unsafe opendir("/proc/self/task") else { return 0 }
    defer { unsafe closedir(directory) }
    var count = 0
    while let entry = unsafe readdir(directory) {
      if unsafe entry.pointee.d_name.0 != CChar(bitPattern: UInt8(ascii: ".")) { count += 1 }
    }
    return count
  }

  /// How many there are beyond a number, also after a tenth of a second; nil: none.
  static func left(beyond number: Int) -> Int? {
    for _ in 0..<100 {
      if count <= number { return nil }
      usleep(1000)
    }
    return count - number
  }
}
