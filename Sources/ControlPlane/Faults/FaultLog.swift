import Glibc
import Logging
import NetISR
import PacketIO
import PluginHost

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
    faults = try directory.map { path throws(ControlError) in try Self.read(path) } ?? []
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
    do throws(ControlError) {
      try Self.write(JSON.encode(fault), to: "\(directory)/\(fault.number).json")
    } catch {
      logger.error("fault \(fault.number) is not kept: \(error)")
    }
    guard !fault.packet.isEmpty else { return }
    do throws(CaptureError) {
      try fault.writeCapture(to: "\(directory)/\(fault.number).pcap")
    } catch {
      logger.error("the packet of fault \(fault.number) is not kept: \(error)")
    }
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(ControlError) {
    // Complete, or not there: a name that no look takes for a fault's, then the right one.
    let temporary = path + ".new"
    guard let file = unsafe fopen(temporary, "we") else { throw failure(temporary) }
    let written = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, written == bytes.count, unsafe rename(temporary, path) == 0 else {
      throw failure(path)
    }
  }

  private static func read(_ path: String) throws(ControlError) -> [FaultSummary] {
    if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw failure(path) }
    guard let directory = unsafe opendir(path) else { throw failure(path) }
    defer { unsafe closedir(directory) }
    var found: [FaultSummary] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasSuffix(".json"), Int(name.dropLast(5)) != nil, let bytes = contents(of: "\(path)/\(name)"),
        let fault = try? JSON.decode(FaultSummary.self, from: bytes)
      else { continue }
      found.append(fault)
    }
    return found.sorted { $0.number < $1.number }.suffix(kept)
  }

  private static func contents(of path: String) -> [UInt8]? {
    guard let file = unsafe fopen(path, "re") else { return nil }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    while true {
      let byte = unsafe fgetc(file)
      if byte == EOF { return bytes }
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
  }

  private static func failure(_ path: String) -> ControlError {
    unsafe ControlError(.failed, "faults: \(path): \(String(cString: strerror(errno)))")
  }
}

extension FaultSummary {
  /// Writes the packet in flight as a capture of one frame, of the link type that its protocol's packets have alone: Ethernet, IP
  /// or IPv6; the private LINKTYPE_USER0 for what has none.
  func writeCapture(to path: String) throws(CaptureError) {
    let link: CaptureWriter.LinkType =
      switch proto {
      case 1: .ipv4
      case 5, 8: .ethernet
      case 6: .ipv6
      default: .user0
      }
    try CaptureWriter.write(
      packetBytes, originalLength: packetLength, nanoseconds: time, linkType: link, to: path)
  }

  /// Writes the packet in flight to a capture file.
  public func write(packetTo path: String) throws(ControlError) {
    guard !packet.isEmpty else { throw ControlError(.notFound, "fault \(number): no packet was in flight") }
    do throws(CaptureError) {
      try writeCapture(to: path)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
  }
}
