import CTestSupport
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
  /// Resident memory: what is held, as far as it was ever touched, and the holes in the allocator's arenas.
  public let residentKiB: Int
  /// Memory that the allocator has given out; 0 where a sanitizer has one of its own.
  public let heapKiB = Int(heap_in_use() / 1024)

  /// What it holds now.
  public init() {
    descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? -1
    threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task"))?.count ?? -1
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    residentKiB =
      status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
      .flatMap { Int($0.split(separator: " ").dropLast().last ?? "") } ?? -1
  }

  /// In one line.
  public var description: String {
    "\(mappings) mappings, \(descriptors) descriptors, \(threads) threads, \(residentKiB) KiB resident, \(heapKiB) KiB of heap"
  }
}
