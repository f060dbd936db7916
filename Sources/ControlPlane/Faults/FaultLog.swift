import Logging
import NetISR
import PluginHost

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The faults of a host's plugins, in memory and, where a directory is given, in files: `7.json`, and `7.pcap` with the
/// packet in flight. Those of earlier hosts in the same directory are there again after a restart.
///
/// [any thread]
final class FaultLog: @unchecked Sendable {
  /// How many are kept, the newest. Files stay until somebody deletes them.
  static let kept = 256

  private let directory: String?
  private let logger: Logger
  private let lock = Lock()
  // Under the lock.
  private var faults: [FaultSummary]

  /// Throws when the directory can't be made or read.
  init(directory: String?, logger: Logger) throws(ControlError) {
    self.directory = directory
    self.logger = logger
    do {
      faults = try directory.map(Self.read) ?? []
    } catch {
      throw ControlError(.failed, "directory of faults: \(error.fileReason)")
    }
  }

  /// Oldest first.
  var all: [FaultSummary] { lock.withLock { faults } }

  func fault(_ number: Int) -> FaultSummary? { lock.withLock { faults.first { $0.number == number } } }

  /// Keeps a fault. On the thread that recovered: its packets wait for the files.
  func add(_ report: FaultReport) {
    let fault = lock.withLock {
      let fault = FaultSummary(report, number: (faults.last?.number ?? 0) + 1)
      if faults.count == Self.kept { faults.removeFirst() }
      faults.append(fault)
      return fault
    }
    guard let directory else { return }
    do {
      // Complete, or not there.
      let json = Data(JSON.encode(fault))
      try json.write(to: URL(filePath: "\(directory)/\(fault.number).json"), options: .atomic)
      if !fault.packet.isEmpty { try fault.writeCapture(to: "\(directory)/\(fault.number).pcap") }
    } catch {
      logger.error("fault \(fault.number) is not kept in \(directory): \(error.fileReason)")
    }
  }

  private static func read(_ directory: String) throws -> [FaultSummary] {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let found = try FileManager.default.contentsOfDirectory(atPath: directory).compactMap { name -> FaultSummary? in
      guard name.hasSuffix(".json"), Int(name.dropLast(5)) != nil,
        let text = try? Data(contentsOf: URL(filePath: "\(directory)/\(name)"))
      else { return nil }
      return try? JSON.decode(FaultSummary.self, from: Array(text))
    }
    return found.sorted { $0.number < $1.number }.suffix(kept)
  }
}
