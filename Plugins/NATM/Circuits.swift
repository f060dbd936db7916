import NetISRPlugin

/// A virtual channel of an interface: the key of "natm.circuits".
struct Circuit {
  /// Channels that are kept; 65,536 are one path's.
  static let limit: UInt32 = 1 << 16

  var vpi: UInt16
  var vci: UInt16
  /// Interface index.
  var interface: UInt32
}

/// What came by a circuit: the value of "natm.circuits".
struct CircuitTraffic {
  /// Frames of any form, as interfaces hand them over: what a capture's reader counts per VPI and VCI.
  var frames: UInt64
  var cells: UInt64
  /// Whole PDUs.
  var pdus: UInt64
  /// When the last frame came: nanoseconds since the epoch, by the clock of the interface.
  var lastTime: UInt64
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var circuits = Table<Circuit, CircuitTraffic>()

extension Circuit {
  /// Records one frame of this circuit. When the table is full, new circuits are served all the same, unrecorded.
  ///
  /// VPI 0 with VCI 0 is no circuit (I.361, 2.2.3): so interfaces that don't know the circuit call it.
  func record(cells: UInt64, pdus: UInt64, time: UInt64, vnet: UInt32) {
    guard vpi != 0 || vci != 0 else { return }
    var frame = CircuitFrame(cells: cells, pdus: pdus, time: time)
    let isKept = unsafe circuits.update(self, vnet: vnet, with: &frame)
    if isKept && frame.isFirst { unsafe counters.circuits.add() }
  }

  /// What the VCI is set aside for (I.361, 2.2.3; af-ilmi-0065), in every path.
  var purpose: Purpose {
    switch vci {
    case 0: .idle
    case 1, 2, 5: .signalling
    case 3, 4: .oam
    case 6: .resourceManagement
    case 16: .ilmi
    default: .user
    }
  }

  enum Purpose {
    case idle, signalling, oam, resourceManagement, ilmi, user
  }
}

/// One frame of a circuit.
private struct CircuitFrame: TableVisitor {
  let cells: UInt64
  let pdus: UInt64
  let time: UInt64
  var isFirst = false

  mutating func visit(_ traffic: inout CircuitTraffic, isNew: Bool) -> TableVerdict {
    isFirst = isNew
    traffic.frames &+= 1
    traffic.cells &+= cells
    traffic.pdus &+= pdus
    traffic.lastTime = time
    return .keep
  }
}
