import CNetISR
import Foundation
import Logging
import NetISR
import PluginHost

/// What a change of plugins costs under full load, with one dispatch policy.
struct Measurement: Encodable {
  let dispatch: String
  /// From the call of a wait for all handlers to its return.
  var gracePeriod = Distribution()
  /// The longest gap between two packets of the swapped protocol in a window that holds one swap.
  var swapGap = Distribution()
  /// The same in windows of the same length during which this thread computes, but swaps nothing: what the scheduler takes,
  /// with as many busy threads.
  var quietGap = Distribution()
  /// From the call of a swap to its return: the old generation is unmapped by then.
  var swap = Distribution()
  /// From the call of an unload to its return: nothing of the plugin is mapped any more.
  var unload = Distribution()
  /// From the call of a load to its return: it serves.
  var load = Distribution()

  enum CodingKeys: String, CodingKey {
    case dispatch, swap, unload, load
    case gracePeriod = "grace_period"
    case swapGap = "swap_gap"
    case quietGap = "quiet_gap"
  }

  /// Runs so many rounds of each.
  init(_ policy: Dispatch, _ name: String, rounds: Int, probe: Probe, builds: [String]) throws {
    dispatch = name
    // One workstream: gaps are those of one queue, whoever runs it.
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: policy))
    var logger = Logger(label: "swaps")
    logger.logLevel = .error
    let host = PluginHost(engine: engine, logger: logger)
    engine.startWorkers()
    try host.load(builds[0])
    let traffic = Traffic(on: engine, isQueued: policy != .direct)
    probe.wait(packets: 100_000)
    try measureSwaps(rounds, engine, host, probe, builds)
    for _ in 0..<rounds { gracePeriod.add(Self.time { engine.waitForHandlers() }) }
    let refused = traffic.refused
    guard refused == 0 else { throw Surprise("\(refused) packets were refused during swaps") }
    try measureUnloads(rounds, host, probe, builds)
    traffic.stop()
    host.unloadAll()
    engine.stopWorkers()
    guard engine.conservation().isBalanced else { throw Surprise("received is not handled + dropped") }
  }

  private mutating func measureSwaps(
    _ rounds: Int, _ engine: Engine, _ host: PluginHost, _ probe: Probe, _ builds: [String]
  ) throws {
    // Packets behind the change that belong to its window.
    let tail: UInt64 = 1000
    for round in 0..<rounds {
      probe.begin(2 * round, packets: tail)
      var failure: (any Error)?
      let took = Self.time {
        do { try host.reload("swapped", from: builds[round % 2]) } catch { failure = error }
      }
      if let failure { throw failure }
      probe.wait(packets: tail)
      swap.add(took)
      probe.begin(2 * round + 1, packets: tail)
      Self.compute(nanoseconds: took)
      probe.wait(packets: tail)
    }
    for round in 0..<rounds {
      swapGap.add(probe.takeGap(2 * round))
      quietGap.add(probe.takeGap(2 * round + 1))
    }
  }

  /// Meanwhile packets are refused: nobody serves them.
  private mutating func measureUnloads(_ rounds: Int, _ host: PluginHost, _ probe: Probe, _ builds: [String]) throws {
    for round in 0..<rounds {
      var failure: (any Error)?
      unload.add(Self.time { do { try host.unload("swapped") } catch { failure = error } })
      let left = ProcessMaps.memoryFiles(prefix: "netisr:swapped#")
      guard left.isEmpty else { throw Surprise("unloaded, and still mapped: \(left.sorted().joined(separator: ", "))") }
      load.add(Self.time { do { try host.load(builds[round % 2]) } catch { failure = error } })
      if let failure { throw failure }
      probe.wait(packets: 100)
    }
  }

  /// ns that `body` takes.
  private static func time(_ body: () -> Void) -> Double {
    let begin = now()
    body()
    return now() - begin
  }

  private static func now() -> Double { Double(DispatchTime.now().uptimeNanoseconds) }

  private static func compute(nanoseconds: Double) {
    let end = now() + nanoseconds
    while now() < end {}
  }
}

/// Something that must not happen.
struct Surprise: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
