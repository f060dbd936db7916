import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
  proto: 2, stateVersion: 1, flags: 0, pluginVersion: 100,
  name: [0x69, 0x67, 0x6d, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "igmp"
)

/// Says what igmp serves, and defines what it keeps in the host. [control]
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe hostTimer.open()
    unsafe counters = try IGMPCounters(defining: ())
    try unsafe memberships.open()
    try unsafe hostGroups.open()
    try Interface.watch { _ in unsafe hostGroups.look() }
    unsafe nhp.pointee.serve("igmp", number: NETISR_IGMP, policy: NETISR_POLICY_SOURCE) { m in
      guard let m = unsafe m else { return }
      unsafe igmpInput(Packet(adopting: m))
    }
  }
}
