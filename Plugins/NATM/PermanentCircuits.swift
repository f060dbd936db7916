import NetISRPlugin

/// The circuits that interfaces stand for: "shared.circuits", which the host writes when it makes such an interface. The
/// key is the interface's index.
struct PermanentCircuits {
  private var table = Table<UInt32, PermanentCircuit>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "shared.circuits", maxEntries: 4096, format: "interface:u32 = vpi:u16 vci:u16 encapsulation:u8 -:3")
  }

  /// The circuit of an interface; nil: it has none.
  func circuit(of interface: Interface) -> PermanentCircuit? {
    table.lookup(interface.index, vnet: 0, initial: PermanentCircuit())
  }

  /// Whether an interface takes cells and PDUs of a circuit: one that stands for a circuit takes no others.
  func take(_ circuit: Circuit, from interface: Interface?) -> Bool {
    guard let interface, !interface.isMonitor, let own = self.circuit(of: interface) else { return true }
    return own.vpi == circuit.vpi && own.vci == circuit.vci
  }
}

/// The value of "shared.circuits": 8 bytes.
struct PermanentCircuit {
  var vpi: UInt16 = 0
  var vci: UInt16 = 0
  /// How payloads lie in PDUs that are sent: 1, LLC with SNAP (RFC 2684, section 5.1); 2, as they are (6.1).
  var encapsulation: UInt8 = 0
  var spare: UInt8 = 0
  var spare2: UInt16 = 0

  /// LLC, and SNAP with no organisation and an Ethernet type: bytes as a number.
  static func snap(_ type: UInt16) -> UInt64 { 0xaaaa_0300_0000_0000 | UInt64(type) }

  var hasLLC: Bool { encapsulation != 2 }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var permanentCircuits = PermanentCircuits()
