import CNetISR
import Glibc
import NetISR
import PluginHost
import TestSupport

@testable import ControlPlane

/// What happens to a whole host while traffic flows, beside what `StressChanges` does to two of its plugins. By one thread.
struct SoakChanges {
  enum Kind: String, CaseIterable {
    /// A shipped plugin is swapped for the same file, or unloaded, and loaded again.
    case swap, unload
    /// A packet in which the bad plugin's code faults, or hangs; then another build of it takes its place.
    case fault
    case setting
    /// A vnet is made, a protocol is disabled in it and enabled again, and it is deleted.
    case vnet
    /// A capture begins to come in, or ends.
    case interface
    /// The figures are looked at.
    case look
  }

  let host: Host
  let plugins: SoakPlugins
  let round: StressRound
  private(set) var counts: [Kind: Int] = [:]
  /// Packets with which code faulted: each holds one mbuf for ever.
  private(set) var faults = 0
  private var random: SeededGenerator

  init(_ round: StressRound, host: Host, plugins: SoakPlugins) {
    self.host = host
    self.plugins = plugins
    self.round = round
    random = SeededGenerator(seed: round.seed &+ 1)
  }

  private static let captures = [
    "ethernet.pcap?loop&pair", "ethernet.pcap?loop", "vlan.pcap?loop", "cooked.pcap?loop", "atm-cells.pcap?loop",
    "netlink.pcap?loop",
  ]

  /// All captures come in.
  mutating func beginTraffic() throws {
    for capture in Self.captures { try addInterface(capture) }
  }

  /// No capture comes in any more.
  func endTraffic() throws {
    while let some = host.interfaceSummaries().first { _ = try host.removeInterface(some.name) }
  }

  mutating func change() throws {
    let kind = Kind.allCases.randomElement(using: &random)!
    let name = Fixtures.protocols.randomElement(using: &random)!
    switch kind {
    case .swap: _ = try host.reload(name)
    case .unload:
      _ = try host.unload(name)
      if Bool.random(using: &random) { usleep(UInt32.random(in: 0...2000, using: &random)) }
      _ = try host.load(Fixtures.plugin(name))
    case .fault: try fault()
    case .setting: try changeSetting(name)
    case .vnet: try changeVnet(name)
    case .interface:
      if let some = host.interfaceSummaries().randomElement(using: &random), Bool.random(using: &random) {
        _ = try host.removeInterface(some.name)
      } else if host.interfaceSummaries().count < 12 {
        try addInterface(Self.captures.randomElement(using: &random)!)
      }
    case .look:
      _ = host.statistics()
      _ = host.faultList()
    }
    counts[kind, default: 0] += 1
  }

  private mutating func addInterface(_ capture: String) throws {
    let vnet = UInt32.random(in: 0...3, using: &random)
    let pace = Bool.random(using: &random) ? "" : "&pps=\(Int.random(in: 1...20_000, using: &random))"
    let text = "file:\(Fixtures.root)/Samples/\(capture)&vnet=\(vnet)\(pace)"
    try host.start(InterfaceArgument(parsing: text), isPatient: false)
  }

  /// It stays quarantined until the next one takes its place.
  private mutating func fault() throws {
    let build = Int.random(in: SoakPlugins.misdeeds.indices, using: &random)
    try host.plugins.reload("bad", from: plugins.bad(build))
    let count = Int.random(in: 1...20, using: &random)
    let bad = Int.random(in: 0..<count, using: &random)
    host.engine.withAttachedThread {
      for index in 0..<count { _ = netisr_dispatch(13, Self.packet(index == bad ? "!" : ".")) }
    }
    faults += 1
    // A worker comes to it when it does; a loop is found after a while.
    for _ in 0..<120_000 {
      if host.plugins.plugin(named: "bad")?.state == .quarantined { break }
      usleep(1000)
    }
    precondition(host.plugins.plugin(named: "bad")?.state == .quarantined, "build \(build) of bad did not fault")
  }

  private static func packet(_ first: Character) -> UnsafeMutablePointer<mbuf> {
    guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf") }
    memset(m.pointee.m_data, Int32(first.asciiValue!), 16)
    m.pointee.m_len = 16
    m.pointee.m_pkthdr.len = 16
    m.pointee.m_pkthdr.flowid = 7
    m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
    return m
  }

  private mutating func changeSetting(_ name: String) throws {
    let dispatches = round.dispatches.filter { $0 != .default }
    let own = Dispatch.allCases.randomElement(using: &random)!
    let (setting, value): (String, String) =
      switch Int.random(in: 0..<7, using: &random) {
      case 0: ("net.isr.dispatch", dispatches.randomElement(using: &random)!.name)
      case 1: ("net.isr.maxthreads", "\(Int.random(in: -1...host.engine.configuration.cpuCount, using: &random))")
      case 2: ("net.isr.accounting", "\(Int.random(in: 0...1, using: &random))")
      case 3: ("net.isr.bindthreads", "\(Int.random(in: 0...1, using: &random))")
      case 4: ("net.isr.proto.\(name).qlimit", "\(Int.random(in: 64...4000, using: &random))")
      case 5: ("net.isr.proto.\(name).dispatch", own.name)
      default: ("net.isr.watchdog", "\(Int.random(in: 100...300, using: &random))")
      }
    _ = try host.set(setting, to: value)
  }

  private mutating func changeVnet(_ name: String) throws {
    let vnet = UInt32.random(in: 1...8, using: &random)
    if Bool.random(using: &random) {
      // There may be interfaces, or it may be there already, or not: what the host says of it is none of ours.
      _ = try? host.createVnet(vnet)
      _ = try? host.deleteVnet(vnet)
    }
    _ = try host.setProtocol(name, in: vnet, enabled: false)
    _ = try host.setProtocol(name, in: vnet, enabled: true)
  }
}
