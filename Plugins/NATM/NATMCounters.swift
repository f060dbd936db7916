import NetISRPlugin

/// The counters of natm.
///
/// Every frame handed in is a cell, a PDU, management, or too short: and every one of these ends in one place:
/// - `cells` = badhec + idle + oam + rm + signalling + ilmi + reserved + nocircuit + user data, for cells;
/// - `pdus` = badcrc + badlen + aborted + truncated + noproto + ip + ip6 + arp + bridged.
struct NATMCounters {
  /// Cells, whatever they carry.
  var cells = Counter()
  /// Cells whose header was damaged.
  var badhec = Counter()
  /// Idle and unassigned cells: VCI 0.
  var idle = Counter()
  /// Operation and maintenance: F4 and F5 flows (I.610), and what an interface hands over as such.
  var oam = Counter()
  /// Resource management cells (I.371).
  var rm = Counter()
  /// Of the circuits for signalling: VCI 1, 2 and 5.
  var signalling = Counter()
  /// Of the circuit for interim local management: VCI 16.
  var ilmi = Counter()
  /// Cells of the payload type that is reserved.
  var reserved = Counter()
  /// Circuits seen: distinct VPI, VCI and interface.
  var circuits = Counter()

  /// AAL5 PDUs that are whole, before any check: from an interface, or put together here.
  var pdus = Counter()
  /// The CRC-32 is wrong: a bit was changed, or a cell was lost.
  var badcrc = Counter()
  /// Not a whole number of cells, or a length field that the pad does not fit.
  var badlen = Counter()
  /// The sender gave the PDU up: length 0.
  var aborted = Counter()
  /// Ends inside of its encapsulation header, or before what was captured of it ends.
  var truncated = Counter()

  /// PDUs given up by the reassembly: longer than AAL5 allows, or no memory for them.
  var dropped = Counter()
  /// PDUs given up because the next cell did not come.
  var timeouts = Counter()

  /// By payload.
  var ip = Counter()
  var ip6 = Counter()
  var arp = Counter()
  /// Ethernet frames.
  var bridged = Counter()
  /// Payloads of no protocol here, and unknown encapsulations.
  var noproto = Counter()
  /// Frames shorter than their form, or of no known form.
  var tooshort = Counter()
  /// Cells and PDUs of another circuit than the one that their interface stands for.
  var nocircuit = Counter()

  /// PDUs sent, all of their cells, and cells.
  var sndPDUs = Counter()
  var sndCells = Counter()
  /// Packets not sent: the interface stands for no circuit; longer than a PDU can be; or it did not take all cells, or
  /// memory ran out.
  var sndNoCircuit = Counter()
  var sndTooLong = Counter()
  var sndFailed = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    cells = try Counter("natm.cells")
    badhec = try Counter("natm.badhec")
    idle = try Counter("natm.idle")
    oam = try Counter("natm.oam")
    rm = try Counter("natm.rm")
    signalling = try Counter("natm.signalling")
    ilmi = try Counter("natm.ilmi")
    reserved = try Counter("natm.reserved")
    circuits = try Counter("natm.circuits")
    pdus = try Counter("natm.pdus")
    badcrc = try Counter("natm.badcrc")
    badlen = try Counter("natm.badlen")
    aborted = try Counter("natm.aborted")
    truncated = try Counter("natm.truncated")
    dropped = try Counter("natm.dropped")
    timeouts = try Counter("natm.timeouts")
    ip = try Counter("natm.ip")
    ip6 = try Counter("natm.ip6")
    arp = try Counter("natm.arp")
    bridged = try Counter("natm.bridged")
    noproto = try Counter("natm.noproto")
    tooshort = try Counter("natm.tooshort")
    nocircuit = try Counter("natm.nocircuit")
    sndPDUs = try Counter("natm.snd_pdus")
    sndCells = try Counter("natm.snd_cells")
    sndNoCircuit = try Counter("natm.snd_nocircuit")
    sndTooLong = try Counter("natm.snd_toolong")
    sndFailed = try Counter("natm.snd_failed")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = NATMCounters()

/// Why a cell or a PDU goes no further.
enum DropReason: Error {
  case tooShort
  case badHEC
  case badCRC
  case badLength
  case aborted
  case truncated
  case noProtocol

  func count() {
    switch self {
    case .tooShort: unsafe counters.tooshort.add()
    case .badHEC: unsafe counters.badhec.add()
    case .badCRC: unsafe counters.badcrc.add()
    case .badLength: unsafe counters.badlen.add()
    case .aborted: unsafe counters.aborted.add()
    case .truncated: unsafe counters.truncated.add()
    case .noProtocol: unsafe counters.noproto.add()
    }
  }
}
