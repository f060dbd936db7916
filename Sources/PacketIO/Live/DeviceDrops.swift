import Glibc

/// What a device of the kernel dropped of what was to come in here, by its own count: the `tx dropped` column of
/// /proc/net/dev, since a tap device sends to its reader.
struct DeviceDrops {
  private let device: String
  private var seen: UInt64 = 0

  init(device: String) {
    self.device = device
    seen = Self.read(device) ?? 0
  }

  /// How many more since it was asked last.
  mutating func take() -> UInt64 {
    guard let now = Self.read(device) else { return 0 }
    defer { seen = now }
    return now >= seen ? now - seen : 0
  }

  private static func read(_ device: String) -> UInt64? {
    guard let file = unsafe fopen("/proc/net/dev", "re") else { return nil }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let parts = text.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == device[...] else { continue }
      // Eight columns of what is received; then bytes, packets, errors, drops of what is sent.
      let columns = parts[1].split(whereSeparator: \.isWhitespace)
      return columns.count > 11 ? UInt64(columns[11]) : nil
    }
    return nil
  }
}
