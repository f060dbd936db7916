import CNetISR
import Glibc
import NetISR
import PluginHost
import TestSupport

/// What may be changed while packets flow.
enum Change: String, CaseIterable {
  /// The number of workers.
  case workers
  /// The dispatch policy, the global one or a protocol's own.
  case dispatch
  /// A protocol's queue limit.
  case limit
  /// A plugin is replaced by another build of it.
  case swap
  /// A vnet is disabled for a protocol, and enabled again; or a new one comes in another's place, and that goes.
  case vnet
  /// The figures are looked at, which is no change.
  case look
  /// A plugin is unloaded, its queue drained or purged, and loaded again.
  case unload
}

/// Changes at random of one engine and host, and how many there were. By one thread.
struct StressChanges {
  private static let vnetLimit = Engine.vnetLimit

  let engine: Engine
  let host: PluginHost
  let plugins: StressPlugins
  let round: StressRound
  let traffic: OrderedTraffic
  private(set) var counts: [Change: Int] = [:]
  private var random: SeededGenerator
  private var nextVnet: UInt32 = 0

  init(_ round: StressRound, engine: Engine, host: PluginHost, plugins: StressPlugins, traffic: OrderedTraffic) {
    self.round = round
    self.engine = engine
    self.host = host
    self.plugins = plugins
    self.traffic = traffic
    random = SeededGenerator(seed: round.seed)
    for place in traffic.interfaces.indices { makeInterface(at: place) }
  }

  /// Loads both plugins.
  mutating func loadAll() throws {
    for (name, _) in StressPlugins.protocols { try host.load(build(of: name)) }
  }

  /// One change.
  mutating func change() throws {
    // Unloading loses packets; without it, nothing is lost.
    let change = Change.allCases.dropLast(round.isGapless ? 1 : 0).randomElement(using: &random)!
    let (name, proto) = StressPlugins.protocols.randomElement(using: &random)!
    switch change {
    case .workers: try engine.setWorkerCount(Int.random(in: -1...engine.configuration.cpuCount, using: &random))
    case .dispatch: try changeDispatch(of: proto)
    case .limit:
      let limits = round.isGapless ? round.inFlight...2000 : 0...300
      try engine.setQueueLimit(of: proto, to: Int.random(in: limits, using: &random))
    case .swap: try host.reload(name, from: build(of: name))
    case .vnet: try changeVnet(of: proto)
    case .look:
      _ = engine.conservation()
      _ = engine.workstreamStatistics()
      _ = engine.protocolStatistics()
      _ = try engine.queueDrops(of: proto)
    case .unload:
      try host.unload(name, Bool.random(using: &random) ? .drain : .purge)
      pause()
      try host.load(build(of: name))
    }
    counts[change, default: 0] += 1
  }

  /// Up to two milliseconds, and often nothing at all.
  mutating func pause() {
    if Bool.random(using: &random) { usleep(UInt32.random(in: 0...2000, using: &random)) }
  }

  private mutating func build(of name: String) -> String {
    plugins.path(name, round.policy, build: Int.random(in: 1...2, using: &random))
  }

  /// Half of the time back to where the round began.
  private mutating func changeDispatch(of proto: UInt32) throws {
    let dispatch = Bool.random(using: &random) ? round.dispatch : round.dispatches.randomElement(using: &random)!
    if Bool.random(using: &random), dispatch != .default {
      engine.dispatchPolicy = dispatch
    } else {
      try engine.setDispatchPolicy(of: proto, to: Bool.random(using: &random) ? dispatch : .default)
    }
  }

  private mutating func changeVnet(of proto: UInt32) throws {
    let place = Int.random(in: traffic.interfaces.indices, using: &random)
    let present = Int(traffic.interfaces[place].pointer!.pointee.if_vnet)
    if round.isGapless {
      // Packets of no vnet but this one may be purged: nobody is in it.
      let empty = Int(Self.vnetLimit) - 1
      try engine.unregisterVnet(proto, empty)
      if Bool.random(using: &random) { try engine.registerVnet(proto, empty) }
    } else if Bool.random(using: &random) {
      try engine.unregisterVnet(proto, present)
      pause()
      try engine.registerVnet(proto, present)
    }
    // By the SOURCE policy an interface is part of what keeps order, and for flows without an id, which are at the last
    // place.
    guard round.policy != .source, place < traffic.interfaces.count - 1, Bool.random(using: &random) else { return }
    makeInterface(at: place)
    let created = Int(traffic.interfaces[place].pointer!.pointee.if_vnet)
    for (_, proto) in StressPlugins.protocols {
      try engine.registerVnet(proto, created)
      if !round.isGapless { try engine.unregisterVnet(proto, present) }
    }
  }

  /// An interface in a vnet that nobody else is in, as far as there are any.
  private mutating func makeInterface(at place: Int) {
    // An engine keeps its interfaces: beyond their number, the place's stays.
    guard
      let ifp = engine.interfaces.make(
        name: "stress\(nextVnet)", type: IFT_ETHER, vnet: nextVnet % (Self.vnetLimit - 1))
    else { return }
    nextVnet += 1
    traffic.interfaces[place].pointer = ifp
  }
}
