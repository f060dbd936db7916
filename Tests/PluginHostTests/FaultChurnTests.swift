import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// Faults one after another, each contained, and what they leave behind: 200, or NETISR_FAULTS of them. In a process of its
/// own, whose figures nobody else changes.
@Suite struct FaultChurnTests {
  @Test func faultsLeaveABoundedRestBehind() async throws {
    await #expect(processExitsWith: .success) {
      let wanted = ProcessInfo.processInfo.environment["NETISR_FAULTS"].flatMap(Int.init)
      let rounds = wanted ?? (CPlugin.sanitizer == nil ? 200 : 20)
      do {
        try Fixtures.withTemporaryDirectory { folder in
          try withHost(log: LogBook(keeping: false)) { engine, host in
            let faults = Count()
            host.onFault = { _ in faults.value += 1 }
            // Two builds in turn: a plugin is loaded, faults, is quarantined, and the other one takes its place.
            let files = try (1...2).map { build in
              let file = "\(folder)/bad\(build).so"
              try CPlugin.compile(
                CPlugin.probe(build: build).replacingOccurrences(
                  of: "counter_add(mine, 1);", with: "if (*(char *)m->m_data == '!') *(volatile int *)0 = 1;"),
                to: file, isInstrumented: false)
              return file
            }
            try host.load(files[1])
            func round(_ number: Int) throws {
              try host.reload("probe", from: files[number % 2])
              engine.withAttachedThread {
                precondition(netisr_dispatch(11, Zoo.packet(".")) == 0)
                precondition(netisr_dispatch(11, Zoo.packet("!")) == EFAULT)
                precondition(netisr_dispatch(11, Zoo.packet(".")) == EPROTONOSUPPORT)
              }
            }
            // What is made once and kept, and the images that stay for a while.
            for number in 0..<50 { try round(number) }
            let before = ProcessFigures()
            for number in 0..<rounds { try round(number) }
            let after = ProcessFigures()
            let report = "\(rounds) faults: before \(before), after \(after)"
            print(report)
            precondition(faults.value == rounds + 50, "faults: \(report)")
            precondition(after.mappings <= before.mappings + 16, "mappings: \(report)")
            precondition(after.descriptors == before.descriptors, "descriptors: \(report)")
            precondition(after.threads <= before.threads, "threads: \(report)")
            // The packet in flight may be anybody's: its 256 bytes are what a fault costs.
            let packets = rounds / 4
            precondition(
              CPlugin.sanitizer != nil || after.residentKiB <= before.residentKiB + packets + 2048, "memory: \(report)")
            precondition(ProcessMaps.memoryFiles(prefix: "netisr:probe#").count == 9, "images: \(report)")
            let balance = engine.conservation()
            precondition(balance.isBalanced && balance.handled == rounds + 50, "\(balance)")
            precondition(engine.mbufStatistics.mbufs.inFlight == rounds + 50, "mbufs: \(report)")
          }
        }
      } catch {
        fatalError("\(error)")
      }
    }
  }
}

/// Written by the sending thread alone.
private final class Count: @unchecked Sendable { var value = 0 }
