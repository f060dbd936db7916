import CNetISR
import NetISR
import PacketIO

/// A pair inside of the host: `epair:NAME`, with the ends NAMEa and NAMEb.
final class PairedInterface: HostedInterface, @unchecked Sendable {
  let name: String
  let spec: String
  private let engine: Engine
  // The ends live as long as the engine.
  private let pair: InterfacePair

  init(_ pairSpec: PairSpec, spec: String, engine: Engine) throws(ControlError) {
    name = pairSpec.name
    self.spec = spec
    self.engine = engine
    try VnetRange.check(pairSpec.vnets.a, of: spec)
    try VnetRange.check(pairSpec.vnets.b, of: spec)
    let vnets = (pairSpec.vnets.a, pairSpec.vnets.b)
    guard
      let pair = unsafe InterfacePair(
        name: pairSpec.name, on: engine, vnets: vnets,
        prepare: { a, b in
          unsafe PacketIO.InterfaceAddress.write(pairSpec.addresses.a, to: a)
          unsafe PacketIO.InterfaceAddress.write(pairSpec.addresses.b, to: b)
          unsafe Self.setAddress(of: a)
          unsafe Self.setAddress(of: b)
        })
    else {
      throw ControlError(.failed, "\(spec): all \(InterfaceRegistry.limit) interfaces are in use")
    }
    self.pair = pair
    engine.noteInterfaceChange()
  }

  var summaries: [InterfaceSummary] {
    [unsafe summary(of: pair.ends.a), unsafe summary(of: pair.ends.b)]
  }

  /// What comes in is what others send.
  func quiesce() {}

  func stop() {
    unsafe InsideEnd.withdraw(pair.ends.a, from: engine)
    unsafe InsideEnd.withdraw(pair.ends.b, from: engine)
    engine.noteInterfaceChange()
  }

  private func summary(of end: UnsafeMutablePointer<ifnet>) -> InterfaceSummary {
    let sent = unsafe pair.statistics(of: end)
    let received = unsafe pair.statistics(of: end.pointee.if_peer)
    return unsafe InsideEnd.summary(
      end, kind: "epair", spec: spec, sent: sent.sent, dropped: sent.dropped, received: received.sent)
  }

  /// An address of the locally administered kind (IEEE 802, clause 8.2), made of the interface's index, which no other
  /// interface of the host ever has.
  private static func setAddress(of end: UnsafeMutablePointer<ifnet>) {
    let index = unsafe end.pointee.if_index
    unsafe end.pointee.if_lladdr = (
      0x02, 0x65, 0x70, UInt8(truncatingIfNeeded: index >> 16), UInt8(truncatingIfNeeded: index >> 8),
      UInt8(truncatingIfNeeded: index), 0, 0
    )
    unsafe end.pointee.if_lladdrlen = 6
  }
}
