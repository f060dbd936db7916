import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 4, handlerSize: 104, mbufSize: 256,
  proto: 4, stateVersion: 1, flags: 0, pluginVersion: 100,
  name: [0x61, 0x72, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "arp"
)

/// Says what arp serves, and defines what it keeps in the host. [control]
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe timer.open()
    unsafe counters = try ARPCounters(defining: ())
    try unsafe neighbours.open()
    try unsafe addresses.open()
    try unsafe resolution.open()
    try Interface.watch { _ in unsafe addresses.look() }
    unsafe nhp.pointee.serve("arp", number: NETISR_ARP, policy: NETISR_POLICY_SOURCE) { m in
      guard let m = unsafe m else { return }
      unsafe arpInput(Packet(adopting: m))
    }
  }
}
