import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
  proto: 7, stateVersion: 1, flags: 0, pluginVersion: 100,
  name: [0x6e, 0x61, 0x74, 0x6d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "natm"
)

/// `netisr_plugin_register`, as netisr_plugin.h describes it.
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe counters = try NATMCounters(defining: ())
    unsafe circuits = try Table(
      opening: "natm.circuits", maxEntries: Circuit.limit,
      format: "vpi:u16 vci:u16 interface:u32 = frames:u64 cells:u64 pdus:u64 last:time")
    unsafe partials = try Table(
      opening: "natm.reassembly", maxEntries: PartialPDU.circuitLimit, flags: TABLE_HOLDS_MBUFS,
      format: """
        vpi:u16 vci:u16 interface:u32 clock:u32 = -:8 bytes:u32 packets:u32 -:8 last:time cells:u32 abandoned:u32
        """)
    try unsafe permanentCircuits.open()
    unsafe timers = try ClockTimers(opening: "natm.timers") { giveUpStale(UInt32(truncatingIfNeeded: $0)) }
    unsafe crc32.fill()
    unsafe hec.fill()
    // A longest PDU is 1,366 cells, which come at once.
    unsafe nhp.pointee.serve("natm", number: NETISR_NATM, policy: NETISR_POLICY_SOURCE, queueLimit: 4096) { m in
      guard let m = unsafe m else { return }
      unsafe natmInput(Packet(adopting: m))
    }
  }
}
