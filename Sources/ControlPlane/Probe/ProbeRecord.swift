import CNetISRHost
import Glibc

// Safe: the mapping is private to this value, of the record's size, and lives from init to deinit.

/// The memory that a process in which a plugin is tried out shares with the one that started it (confine.h).
@safe
final class ProbeRecord {
  private let record: UnsafeMutablePointer<netisr_host_record>

  /// A new one, and the descriptor of its file, which is the caller's.
  static func make() throws(ControlError) -> (record: ProbeRecord, descriptor: Int32) {
    let descriptor = netisr_host_make_record()
    guard descriptor >= 0 else { throw ControlError(.failed, "probe: record: \(reason(-descriptor))") }
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let record = unsafe netisr_host_open_record(copy) else {
      let error = errno
      close(descriptor)
      throw ControlError(.failed, "probe: record: \(reason(error))")
    }
    return unsafe (ProbeRecord(record), descriptor)
  }

  /// That of the process that was started for a probe; nil in any other.
  static func open(_ descriptor: Int32) -> ProbeRecord? {
    unsafe netisr_host_open_record(descriptor).map { unsafe ProbeRecord($0) }
  }

  private init(_ record: UnsafeMutablePointer<netisr_host_record>) { unsafe self.record = record }

  deinit { unsafe munmap(record, MemoryLayout<netisr_host_record>.size) }

  private static func reason(_ error: Int32) -> String { unsafe String(cString: strerror(error)) }

  // MARK: By the process

  /// Limits it, and has its end noted. 0 or an errno value.
  func confine(memory: UInt64, cpu: UInt32, time: UInt32) -> Int32 {
    unsafe netisr_host_confine(record, memory, cpu, time)
  }

  func enter(_ phase: ProbePhase) { unsafe record.pointee.phase = phase.rawValue }

  func countPacket() { unsafe record.pointee.packets += 1 }

  /// Tells all, and ends the process.
  func end(_ outcome: ProbeOutcome) -> Never {
    let text = JSON.encode(outcome)
    precondition(text.count <= Int(NETISR_HOST_RECORD_TEXT), "an outcome of \(text.count) bytes")
    unsafe netisr_host_record_text(record).update(from: text, count: text.count)
    unsafe record.pointee.length = UInt32(text.count)
    enter(.done)
    netisr_host_end_confined()
  }

  // MARK: By who started it, when it is gone

  var packets: UInt64 { unsafe record.pointee.packets }

  var phase: ProbePhase { unsafe ProbePhase(rawValue: record.pointee.phase) ?? .starting }

  /// What it told; nil when it did not come to that.
  var outcome: ProbeOutcome? {
    guard phase == .done else { return nil }
    let count = unsafe min(Int(record.pointee.length), Int(NETISR_HOST_RECORD_TEXT))
    let text = unsafe Array(UnsafeBufferPointer(start: netisr_host_record_text(record), count: count))
    return try? JSON.decode(ProbeOutcome.self, from: text)
  }

  /// How it ended, if that was noted: "called socket, which no handler needs, in input+0x1c (image+0x4a0)".
  var ending: String? {
    let number = unsafe record.pointee.number
    let what: String
    switch unsafe Int32(record.pointee.ending) {
    case NETISR_HOST_ENDING_SIGNAL:
      let at = unsafe number == Int64(SIGABRT) ? "" : " at 0x\(String(record.pointee.address, radix: 16))"
      what = "\(Self.name(ofSignal: Int32(truncatingIfNeeded: number)))\(at), where it could not be held"
    case NETISR_HOST_ENDING_FORBIDDEN:
      let name = unsafe netisr_host_system_call_name(number).map { unsafe String(cString: $0) }
      what = "called \(name ?? "system call \(number)"), which no handler needs"
    case NETISR_HOST_ENDING_EXIT: what = "ended the process with status \(number)"
    case NETISR_HOST_ENDING_CPU: what = "used up its CPU time"
    case NETISR_HOST_ENDING_TIME: what = "took too long"
    default: return nil
    }
    let place = unsafe withUnsafeBytes(of: &record.pointee.place) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    return place.isEmpty ? what : "\(what), in \(place)"
  }

  /// `SIGSEGV`, ...
  static func name(ofSignal signal: Int32) -> String {
    unsafe String(cString: netisr_host_signal_name(signal))
  }
}
