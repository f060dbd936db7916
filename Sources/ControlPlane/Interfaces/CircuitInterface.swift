import CNetISR
import NetISR
import PacketIO

/// A permanent circuit inside of the host: `atm:NAME`, with the ends NAMEa and NAMEb. Each end stands for the circuit; what
/// natm cuts into cells at one is put together at the other.
final class CircuitInterface: HostedInterface, @unchecked Sendable {
  let name: String
  let spec: String
  private let engine: Engine
  // The ends live as long as the engine.
  private let pair: CellPair

  init(_ circuit: CircuitSpec, spec: String, engine: Engine) throws(ControlError) {
    name = circuit.name
    self.spec = spec
    self.engine = engine
    try VnetRange.check(circuit.vnets.a, of: spec)
    try VnetRange.check(circuit.vnets.b, of: spec)
    guard let table = CircuitTable(engine) else {
      throw ControlError(.failed, "\(spec): the table shared.circuits is of a plugin that this host does not know")
    }
    guard
      let pair = unsafe CellPair(
        name: circuit.name, on: engine, vnets: (circuit.vnets.a, circuit.vnets.b), mtu: circuit.mtu,
        prepare: { a, b in
          unsafe PacketIO.InterfaceAddress.write(circuit.addresses.a, to: a)
          unsafe PacketIO.InterfaceAddress.write(circuit.addresses.b, to: b)
          unsafe table.insert(circuit, for: a.pointee.if_index)
          unsafe table.insert(circuit, for: b.pointee.if_index)
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
    let table = CircuitTable(engine)
    unsafe Self.withdraw(pair.ends.a, from: engine, table)
    unsafe Self.withdraw(pair.ends.b, from: engine, table)
    engine.noteInterfaceChange()
  }

  private static func withdraw(_ end: UnsafeMutablePointer<ifnet>, from engine: Engine, _ table: CircuitTable?) {
    unsafe InsideEnd.withdraw(end, from: engine)
    unsafe table?.remove(end.pointee.if_index)
  }

  private func summary(of end: UnsafeMutablePointer<ifnet>) -> InterfaceSummary {
    let sent = unsafe pair.statistics(of: end)
    let received = unsafe pair.statistics(of: end.pointee.if_peer)
    var summary = unsafe InsideEnd.summary(
      end, kind: "atm", spec: spec, sent: sent.sent, dropped: sent.dropped, received: received.sent)
    summary.linktype = "ATM"
    return summary
  }
}

/// Which circuits interfaces stand for: "shared.circuits", as natm reads it.
@safe
struct CircuitTable {
  private let engine: Engine
  // The host keeps handles for as long as it runs.
  private let handle: OpaquePointer

  /// Opens the table, and makes it if natm has not yet; nil when somebody has made another one of that name.
  init?(_ engine: Engine) {
    self.engine = engine
    let found = unsafe SharedTable.open(
      "shared.circuits", keySize: 4, valueSize: 8, maxEntries: 4096,
      format: "interface:u32 = vpi:u16 vci:u16 encapsulation:u8 -:3", in: engine)
    guard let found = unsafe found else { return nil }
    unsafe handle = found
  }

  /// Says that an interface stands for a circuit.
  func insert(_ circuit: CircuitSpec, for interface: UInt32) {
    // u16, u16, u8, three spare bytes; in host order.
    var value: (UInt16, UInt16, UInt8, UInt8, UInt16) = (
      circuit.vpi, circuit.vci, circuit.encapsulation.rawValue, 0, 0
    )
    var key = interface
    _ = engine.withAttachedThread { unsafe table_insert(handle, 0, &key, &value) }
  }

  /// It stands for none any more.
  func remove(_ interface: UInt32) {
    var key = interface
    _ = engine.withAttachedThread { unsafe table_remove(handle, 0, &key, nil) }
  }
}
