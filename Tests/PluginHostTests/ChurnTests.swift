import CNetISR
import Foundation
import Glibc
import Logging
import NetISR
import PluginHost
import Testing
import TestSupport

/// Thousands of loads and unloads leave nothing behind. In a process of its own, whose figures nobody else changes.
@Suite struct ChurnTests {
  @Test func loadsAndUnloadsLeaveNothingBehind() async throws {
    await #expect(processExitsWith: .success) {
      let rounds = CPlugin.sanitizer == nil ? 10_000 : 200
      do {
        try Fixtures.withTemporaryDirectory { folder in
          let path = "\(folder)/probe.so"
          try CPlugin.compile(CPlugin.probe(build: 1), to: path)
          try withHost(dispatch: .deferred, log: LogBook(keeping: false)) { engine, host in
            let done = Flag()
            let sender = NetISR.Thread(name: "sender") {
              engine.withAttachedThread {
                var flows = FlowSender()
                while !done.isSet {
                  flows.send(64, on: engine)
                  usleep(200)
                }
                flows.free()
              }
            }
            func round() throws {
              try host.load(path)
              try host.unload("probe")
            }
            // What is made once and kept: caches, arenas, the threads' records.
            for _ in 0..<200 { try round() }
            let before = ProcessFigures()
            for _ in 0..<rounds { try round() }
            let after = ProcessFigures()
            done.set()
            sender.join()

            let report = "\(rounds) loads and unloads: before \(before), after \(after)"
            // A sanitizer maps memory for itself, less and less of it.
            let slack = CPlugin.sanitizer == nil ? 8 : rounds / 4
            precondition(after.mappings <= before.mappings + slack, "mappings: \(report)")
            precondition(after.descriptors == before.descriptors, "descriptors: \(report)")
            precondition(after.threads <= before.threads, "threads: \(report)")
            // Under a sanitizer, freed memory is kept in quarantine.
            precondition(
              CPlugin.sanitizer != nil || after.residentKiB <= before.residentKiB + 2048, "memory: \(report)")
            precondition(ProcessMaps.memoryFiles(prefix: "netisr:probe#").isEmpty, "images: \(report)")
            precondition(engine.counterValue(named: "probe.build1")! > 0, "packets were handled")
            precondition(engine.conservation().isBalanced, "balance: \(report)")
            precondition(engine.mbufStatistics.mbufs.inFlight == 0, "mbufs: \(report)")
          }
        }
      } catch {
        fatalError("\(error)")
      }
    }
  }
}
