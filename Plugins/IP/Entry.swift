import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 4, handlerSize: 104, mbufSize: 256,
  proto: 1, stateVersion: 1, flags: 0, pluginVersion: 100,
  name: [0x69, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "ip"
)

/// `netisr_plugin_register`, as netisr_plugin.h describes it.
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe counters = try IPCounters(defining: ())
    unsafe protocolCounters = try ProtocolCounters(defining: ())
    unsafe icmpCounters = try ICMPCounters(defining: ())
    unsafe udpCounters = try UDPCounters(defining: ())
    unsafe settings = try IPSettings(defining: ())
    unsafe reassembly = try Reassembly(opening: ())
    unsafe icmpLimit = try ICMPLimit(opening: ())
    unsafe claims = try Claims(opening: ())
    try unsafe onLink.open()
    try unsafe routes.open()
    unsafe identificationSeed = netisr_time()
    try Interface.watch { _ in unsafe onLink.look() }
    unsafe nhp.pointee.serve("ip", number: NETISR_IP, policy: NETISR_POLICY_FLOW) { m in
      guard let m = unsafe m else { return }
      unsafe ipInput(Packet(adopting: m))
    }
    unsafe nhp.pointee.nh_m2flow = { m, _ in
      guard let m = unsafe m else { return nil }
      var packet = unsafe Packet(adopting: m)
      setFlow(of: &packet)
      return unsafe packet.release()
    }
  }
}
