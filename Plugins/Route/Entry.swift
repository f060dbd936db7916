import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
  proto: 3, stateVersion: 2, flags: 0, pluginVersion: 100,
  name: [0x72, 0x6f, 0x75, 0x74, 0x65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "route"
)

/// `netisr_plugin_register`, as netisr_plugin.h describes it.
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe counters = try RouteCounters(defining: ())
    unsafe tables = try Tables(opening: ())
    unsafe changes = try Changes(opening: ())
    unsafe subscribers = try Subscribers(opening: ())
    unsafe nhp.pointee.serve("route", number: NETISR_ROUTE, policy: NETISR_POLICY_SOURCE) { m in
      guard let m = unsafe m else { return }
      unsafe routeInput(Packet(adopting: m))
    }
  }
}
