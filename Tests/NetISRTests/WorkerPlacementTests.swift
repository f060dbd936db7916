import CNetISR
import Foundation
import NetISR
import Synchronization
import Testing
import TestSupport

/// Where workers run and whether they sleep, by what the kernel says of their threads, changed while packets flow.
@Suite struct WorkerPlacementTests {
  @Test func workersAreBoundAndUnboundUnderLoad() throws {
    let allowed = ProcessCPUs.allowed
    #expect(allowed.map(String.init) == KernelThread.own.allowedCPUs.map(String.init))
    let count = allowed.count + 1  // the last one starts over
    try Load.run(Engine.Configuration(cpuCount: count, dispatch: .deferred)) { engine, workers in
      for round in 0..<20 {
        let isBound = round % 2 == 0
        try engine.setBinding(isBound)
        #expect(engine.bindsWorkers == isBound)
        for (wsid, task) in try workers(count).enumerated() {
          #expect(task.allowedCPUs == (isBound ? [allowed[wsid % allowed.count]] : allowed), "worker \(wsid)")
        }
      }
      // Threads that start later are bound, too.
      try engine.setBinding(true)
      try engine.setWorkerCount(1)
      #expect(try workers(1).map(\.allowedCPUs) == [[allowed[0]]])
      try engine.setWorkerCount(-1)
      #expect(try workers(count).map(\.allowedCPUs) == (0..<count).map { [allowed[$0 % allowed.count]] })
    }
  }

  @Test func workersAreBoundFromTheStart() throws {
    try Load.run(Engine.Configuration(cpuCount: 2, pinned: true, dispatch: .deferred)) { engine, workers in
      #expect(engine.bindsWorkers)
      #expect(try workers(2).map(\.allowedCPUs.count) == [1, 1])
      try engine.setBinding(false)
      #expect(try workers(2).map(\.allowedCPUs) == [ProcessCPUs.allowed, ProcessCPUs.allowed])
    }
  }

  /// A worker that polls is never seen asleep; one that does not, is when nothing comes.
  @Test func workersPollOrSleep() throws {
    var configuration = Engine.Configuration(cpuCount: 1, dispatch: .deferred)
    try Load.run(configuration, always: false) { engine, workers in
      let worker = try workers(1)[0]
      for _ in 0..<3 {
        engine.setPolling(true)
        _ = try workers(1)
        let states = (0..<50).map { _ in
          usleep(1000)
          return worker.state
        }
        let asleep = states.count { $0 == "S" }
        #expect(engine.polls && states.contains("R") && asleep <= mostAsleep(of: states.count), "\(states)")
        engine.setPolling(false)
        #expect(!engine.polls && worker.sleeps())
      }
      // Woken though nothing came, and then ended while it polls.
      engine.setPolling(true)
      for _ in 0..<100 where worker.state != "R" { usleep(10_000) }
      #expect(worker.state == "R")
    }
    configuration.polling = true
    try Load.run(configuration, always: false) { engine, workers in
      let worker = try workers(1)[0]
      #expect(engine.polls && (worker.state != "S" || CPlugin.sanitizer != nil))
      engine.setPolling(false)
      #expect(worker.sleeps())
    }
  }

  /// How often a worker that polls may be seen asleep: never, but the thread sanitizer's own locks put threads to sleep.
  private func mostAsleep(of looks: Int) -> Int { CPlugin.sanitizer == nil ? 0 : looks / 2 }
}

/// A thread of this process, as proc(5) shows it.
private struct KernelThread: Equatable {
  let id: Int

  static var own: KernelThread { KernelThread(id: Int(getpid())) }
  static var current: KernelThread {
    // "PID/task/TID"
    let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? ""
    return KernelThread(id: path.split(separator: "/").last.flatMap { Int($0) } ?? 0)
  }

  /// By number.
  var allowedCPUs: [UInt32] {
    let status = (try? String(contentsOfFile: "/proc/self/task/\(id)/status", encoding: .utf8)) ?? ""
    let label = "Cpus_allowed_list:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(label) }) else { return [] }
    return line.dropFirst(label.count).split(separator: ",").flatMap { range in
      let ends = range.split(separator: "-").compactMap { UInt32($0.filter(\.isNumber)) }
      return ends.isEmpty ? [] : Array(ends[0]...ends[ends.count - 1])
    }
  }

  /// "R" running or about to, "S" asleep.
  var state: String {
    let text = (try? String(contentsOfFile: "/proc/self/task/\(id)/stat", encoding: .utf8)) ?? ""
    // The name before it may hold spaces, but ends with the last parenthesis.
    return text.lastIndex(of: ")").map { String(text[$0...].dropFirst(2).prefix(1)) } ?? ""
  }

  func sleeps() -> Bool {
    for _ in 0..<3000 {
      if state == "S" { return true }
      usleep(10_000)
    }
    return false
  }
}

/// An engine with workers whose threads are known, in between packets from a sender of its own.
private enum Load {
  /// Runs `body` with the engine, and a function that sends packets to all workers and says which threads handled them.
  ///
  /// - Parameter always: whether packets also come in between; otherwise they all were handled when the function returns.
  static func run(
    _ configuration: Engine.Configuration, always: Bool = true,
    _ body: (Engine, (Int) throws -> [KernelThread]) throws -> Void
  ) throws {
    let engine = Engine(configuration)
    let lock = Lock()
    nonisolated(unsafe) var seen: [UInt32: KernelThread] = [:]
    try engine.register(
      11, named: "test", policy: .cpu,
      TestHandler(
        handler: { m in
          let cpu = Engine.current!.cpu
          lock.withLock { seen[cpu] = KernelThread.current }
          m_freem(m)
        },
        m2cpuid: { m in (m, UInt32(m.pointee.m_pkthdr.ph_loc.0)) }))
    engine.startWorkers()
    let done = Atomic(false)
    let sends = Atomic(always)
    let sender = NetISR.Thread(name: "sender") {
      engine.withAttachedThread(cpu: 0) {
        var number: UInt64 = 0
        while !done.load(ordering: .relaxed) {
          for _ in 0..<32 where sends.load(ordering: .relaxed) && engine.room > 1 {
            guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf") }
            m.pointee.m_pkthdr.ph_loc.0 = number
            number += 1
            _ = netisr_dispatch(11, m)
          }
          usleep(100)
        }
      }
    }
    defer {
      done.store(true, ordering: .relaxed)
      sender.join()
      engine.stopWorkers()
      #expect(engine.conservation().isBalanced && engine.mbufStatistics.mbufs.inFlight == 0)
    }
    try body(engine) { count in
      lock.withLock { seen = [:] }
      sends.store(true, ordering: .relaxed)
      defer {
        sends.store(always, ordering: .relaxed)
        // The sender may be about to send the last ones.
        if !always { repeat { usleep(20_000) } while !engine.isDrained }
      }
      for _ in 0..<3000 {
        let found = lock.withLock { seen }
        if found.count == count { return (0..<count).compactMap { found[UInt32($0)] } }
        usleep(10_000)
      }
      throw CocoaError(.fileReadUnknown)
    }
  }
}
