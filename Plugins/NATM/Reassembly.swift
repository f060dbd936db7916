import NetISRPlugin

/// What is kept of a PDU whose last cell has not come yet: the value of "natm.reassembly". The entry is made by the
/// PDU's first cell and goes with its last.
///
/// Invariant: `held.th_chain` and `last` are the first and the last mbuf of one chain, which this entry alone owns,
/// or both nil. They are touched only while the host keeps the entry locked.
@safe struct PartialPDU {
  /// Circuits with a PDU under way, per vnet.
  static let circuitLimit: UInt32 = 8192
  /// Memory that they may hold, per vnet: 200 PDUs of the longest kind, or as many circuits as there may be.
  static let memoryLimit: UInt64 = 16 << 20
  /// A partial PDU is given up when its next cell comes later than this after its last one (the receiver's timer of
  /// I.363.5, 9.2.1.3): even at one cell in a hundred milliseconds, a sender is not this slow. In nanoseconds, by the
  /// clock of the cells.
  static let timeout: UInt64 = 2_000_000_000

  /// The payloads so far.
  var held: table_held
  /// The piece of the chain that is being filled.
  var last: UnsafeMutablePointer<mbuf>?
  /// When the last cell came.
  var lastTime: UInt64
  /// Cells so far.
  var cells: UInt32
  /// Not 0 when the PDU was given up: what is left of it is discarded, up to its last cell.
  var isAbandoned: UInt32
}

/// Which PDU: the key of "natm.reassembly".
struct PartialKey {
  var vpi: UInt16
  var vci: UInt16
  /// Interface index.
  var interface: UInt32
  /// Whose times `lastTime` is of.
  var clock: UInt32
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var partials = Table<PartialKey, PartialPDU>()
@exclusivity(unchecked) nonisolated(unsafe) var timers = ClockTimers()

/// Adds a cell to the PDU of its circuit. Returns the PDU when this was its last cell.
func reassemble(_ cell: borrowing Packet, of circuit: Circuit, endsPDU: Bool) -> Packet? {
  let vnet = cell.vnet
  let now = cell.timestamp
  let key = PartialKey(vpi: circuit.vpi, vci: circuit.vci, interface: circuit.interface, clock: cell.clock)
  // The caller has seen that a whole cell is in the first piece, which stays where it is for this long.
  let step = unsafe cell.bytes.extracting(droppingFirst: CellHeader.size).withUnsafeBytes { payload in
    var step = unsafe Step(payload: payload, endsPDU: endsPDU, now: now)
    if unsafe !partials.update(key, vnet: vnet, with: &step) {
      // As many circuits as the table has room for are under way: the oldest PDU gives way.
      evictOldest(vnet: vnet)
      if unsafe !partials.update(key, vnet: vnet, with: &step) { step.dropped = true }
    }
    return step
  }
  if step.timedOut { unsafe counters.timeouts.add() }
  if step.dropped { unsafe counters.dropped.add() }
  if step.isFirst && !endsPDU { unsafe timers.arm(cell.clock, after: PartialPDU.timeout &+ 1) }
  // One cell adds at most one cluster; but the oldest entries may be of PDUs given up before, which hold nothing.
  var evictions = 0
  while unsafe partials.heldBytes(vnet: vnet) > PartialPDU.memoryLimit, evictions < 16 {
    evictOldest(vnet: vnet)
    evictions &+= 1
  }

  guard let chain = unsafe step.complete else { return nil }
  var pdu = unsafe Packet(adopting: chain)
  pdu.setArrival(of: cell)
  return pdu
}

/// What one cell does to a partial PDU. `payload` is good while the visit lasts; `complete` is the caller's to adopt.
@safe private struct Step: TableVisitor {
  let payload: UnsafeRawBufferPointer
  let endsPDU: Bool
  let now: UInt64

  /// The whole PDU, taken out of the entry.
  var complete: UnsafeMutablePointer<mbuf>?
  /// The cell began a PDU.
  var isFirst = false
  /// The PDU that was under way was given up because this cell came too late for it.
  var timedOut = false
  /// The PDU was given up.
  var dropped = false

  init(payload: UnsafeRawBufferPointer, endsPDU: Bool, now: UInt64) {
    unsafe self.payload = unsafe payload
    self.endsPDU = endsPDU
    self.now = now
  }

  mutating func visit(_ partial: inout PartialPDU, isNew: Bool) -> TableVerdict {
    if !isNew && partial.isStale(at: now) {
      timedOut = partial.isAbandoned == 0
      partial.clear()
      partial.isAbandoned = 0
    }
    isFirst = partial.cells == 0 && partial.isAbandoned == 0
    partial.lastTime = now
    if partial.isAbandoned == 0, unsafe !partial.append(payload) {
      dropped = true
      partial.clear()
      partial.isAbandoned = 1
    }
    guard endsPDU else { return .keep }
    unsafe complete = unsafe partial.held.th_chain
    unsafe partial.held = unsafe table_held()
    return .remove
  }
}

extension PartialPDU {
  /// The last cell is too long ago. A clock that was set back makes nothing stale.
  func isStale(at now: UInt64) -> Bool {
    now > lastTime && now &- lastTime > Self.timeout
  }

  /// Frees what is held.
  mutating func clear() {
    unsafe m_freem(held.th_chain)
    unsafe held = unsafe table_held()
    unsafe last = nil
    cells = 0
  }

  /// Adds the payload of a cell: false when the PDU gets too long, or memory ran out.
  ///
  /// The payload is copied: a cell's own buffer would hold ten times its size. The first piece is a bare mbuf, enough
  /// for the two cells that most PDUs have; the others are clusters.
  mutating func append(_ payload: UnsafeRawBufferPointer) -> Bool {
    guard Int(cells) < AAL5.maxCells, let source = payload.baseAddress else { return false }
    let size = CellHeader.payloadSize
    var piece = unsafe last
    if let current = unsafe piece, unsafe current.room < size { unsafe piece = nil }
    if unsafe piece == nil {
      let isHead = unsafe last == nil
      guard let new = unsafe isHead ? m_gethdr(M_NOWAIT, MT_DATA) : m_getcl(M_NOWAIT, MT_DATA, 0) else { return false }
      if isHead {
        unsafe held.th_chain = new
        unsafe held.th_packets = 1
      } else {
        unsafe last?.pointee.m_next = new
      }
      unsafe held.th_bytes &+= isHead ? UInt32(MSIZE) : UInt32(MSIZE + MCLBYTES)
      unsafe last = new
      unsafe piece = new
    }
    guard let piece = unsafe piece, let head = unsafe held.th_chain, payload.count >= size, unsafe piece.room >= size
    else {
      return false
    }
    unsafe UnsafeMutableRawPointer(piece.pointee.m_data + Int(piece.pointee.m_len)).copyMemory(
      from: source, byteCount: size)
    unsafe piece.pointee.m_len &+= Int32(size)
    unsafe head.pointee.m_pkthdr.len &+= Int32(size)
    cells &+= 1
    return true
  }
}

extension UnsafeMutablePointer where Pointee == mbuf {
  /// Bytes behind the data of an mbuf that nobody shares.
  fileprivate var room: Int {
    let used = unsafe Int(pointee.m_len)
    if unsafe pointee.m_flags & M_EXT != 0 {
      guard let start = unsafe pointee.m_ext.ext_buf else { return 0 }
      return unsafe start + Int(pointee.m_ext.ext_size) - pointee.m_data - used
    }
    // The internal storage is the mbuf's end.
    return unsafe UnsafeMutableRawPointer(self) + Int(MSIZE) - UnsafeMutableRawPointer(pointee.m_data) - used
  }
}

/// Gives up the PDU that was begun first.
private func evictOldest(vnet: UInt32) {
  var eviction = Eviction()
  if unsafe partials.evictOldest(vnet: vnet, with: &eviction), eviction.wasAlive { unsafe counters.dropped.add() }
}

private struct Eviction: TableVisitor {
  /// It was not given up before.
  var wasAlive = false

  mutating func visit(_ partial: inout PartialPDU, isNew: Bool) -> TableVerdict {
    wasAlive = partial.isAbandoned == 0
    return .remove
  }
}

/// Gives up the PDUs of circuits that fell silent, by a clock, and comes again for those that are left. [handler]
func giveUpStale(_ clock: UInt32) {
  let now = callout_time(clock)
  var timedOut: UInt64 = 0
  var rest: UInt64?
  for vnet in 0..<UInt32(NETISR_MAXVNET) where unsafe partials.count(vnet: vnet) > 0 {
    unsafe partials.sweep(vnet: vnet) { key, partial in
      guard key.clock == clock else { return .keep }
      guard partial.isStale(at: now) else {
        let age = now > partial.lastTime ? now &- partial.lastTime : 0
        rest = min(rest ?? .max, PartialPDU.timeout &- age &+ 1)
        return .keep
      }
      if partial.isAbandoned == 0 { timedOut &+= 1 }
      return .remove
    }
  }
  unsafe counters.timeouts.add(timedOut)
  // Not more often than four times in a timeout, however the cells come.
  if let rest { unsafe timers.arm(clock, after: max(rest, PartialPDU.timeout / 4)) }
}
