import Foundation
import PluginHost

/// What this process holds, as proc(5) counts it.
public struct ProcessFigures: CustomStringConvertible {
  /// Mappings of memory.
  public let mappings = ProcessMaps.count
  /// Open descriptors.
  public let descriptors: Int
  /// Threads.
  public let threads: Int
  /// Resident memory. What was freed and is kept by the allocator for later is given back before.
  public let residentKiB: Int

  /// What it holds now.
  public init() {
    // Threads that come and go leave arenas behind, full of holes: that grows for hours, and is nobody's.
    Self.trim()
    descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? -1
    threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task"))?.count ?? -1
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    residentKiB =
      status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
      .flatMap { Int($0.split(separator: " ").dropLast().last ?? "") } ?? -1
  }

  /// In one line.
  public var description: String {
    "\(mappings) mappings, \(descriptors) descriptors, \(threads) threads, \(residentKiB) KiB resident"
  }

  /// malloc_trim(3), which no module has.
  private static func trim() {
    typealias Trim = @convention(c) (Int) -> Int32
    guard let symbol = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(symbol, to: Trim.self)(0)
  }
}
