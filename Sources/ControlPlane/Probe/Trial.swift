import CNetISR
import Glibc
import Logging
import NetISR
import PluginHost
import PluginInspector

// Safe: the interfaces are the engine's, which lives as long as this.

/// An engine of its own, driven by hand on the calling thread, in which plugins are tried out: with interfaces of each kind,
/// nobody else who sends, and time that passes when it is told to.
///
/// One thread.
@safe
package final class Trial {
  /// How a packet comes in.
  package struct Manner {
    /// By which interface: a link that only listens, a station, an end of a pair, a circuit.
    package var interface = 0
    /// Bytes in each mbuf but the last; 0: as few mbufs as it takes.
    package var piece = 0
    /// Added to m_flags.
    package var flags: UInt32 = 0
    /// Bytes on the wire beyond those that there are.
    package var cut = 0

    package init() {}
  }

  package let engine: Engine
  package let plugins: PluginHost
  private let interfaces: [UnsafeMutablePointer<ifnet>]

  /// What the clocks show at first, in nanoseconds since 1970.
  package static let beginning: UInt64 = 1_000_000_000_000_000_000
  package static let second: UInt64 = 1_000_000_000

  /// - Parameter onFault: called with a fault of a plugin's code.
  package init(policy: InspectionPolicy = InspectionPolicy(), onFault: @escaping (FaultReport) -> Void) {
    var configuration = Engine.Configuration(cpuCount: 1, dispatch: .direct, mbufLimit: 64 << 20)
    configuration.hasManualTime = true
    engine = Engine(configuration)
    engine.advanceClock(0, to: Self.beginning)
    plugins = PluginHost(
      engine: engine, policy: policy, logger: Logger(label: "trial") { _ in SwiftLogNoOpLogHandler() })
    unsafe plugins.onFault = onFault
    unsafe interfaces = unsafe TrialInterfaces.make(engine)
  }

  /// Hands a packet to a protocol and has all that follows from it handled.
  package func send(_ proto: UInt32, _ bytes: [UInt8], _ manner: Manner = Manner()) {
    let interface = unsafe interfaces[manner.interface % interfaces.count]
    engine.withAttachedThread {
      guard let m = unsafe TrialPacket.chain(bytes, piece: manner.piece) else { return }
      unsafe m.pointee.m_pkthdr.rcvif = interface
      unsafe m.pointee.m_pkthdr.rcv_tstmp = netisr_time()
      unsafe m.pointee.m_pkthdr.wirelen = UInt32(clamping: bytes.count + manner.cut)
      unsafe m.pointee.m_flags |= manner.flags
      // Consumed, whatever comes of it.
      unsafe _ = netisr_dispatch_src(proto, 0, m)
    }
    drain()
  }

  /// Lets time pass on all clocks, in nanoseconds, and calls what is due.
  package func pass(_ duration: UInt64) {
    let now = engine.withAttachedThread { netisr_time() } &+ duration
    engine.advanceClock(0, to: now)
    for index in unsafe interfaces.indices {
      let clock = unsafe interfaces[index].pointee.if_clock
      if clock != 0 { engine.advanceClock(clock, to: now) }
    }
    engine.runCallouts()
    drain()
  }

  /// Has the plugins look at the interfaces.
  package func noteInterfaces() {
    engine.noteInterfaceChange()
    engine.runCallouts()
    drain()
  }

  private func drain() {
    while !engine.isDrained {
      for wsid in 0..<engine.workerCount { _ = engine.runWorker(wsid) }
    }
  }
}
