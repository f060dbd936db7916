import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
  proto: 11, stateVersion: 1, flags: 0, pluginVersion: 100,
  name: [0x75, 0x64, 0x70, 0x65, 0x63, 0x68, 0x6f, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "udpecho"
)

/// The number under which ip and ip6 hand over: the first of those that are free for anybody.
let ownNumber: Int32 = 11

/// Claims the ports, and says what takes them. [control]
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe counters = try UDPEchoCounters(defining: ())
    let claims = try Claims(opening: ())
    try claims.claim(.udpPort(UDPPort.echo), for: ownNumber)
    try claims.claim(.udpPort(UDPPort.discard), for: ownNumber)
    unsafe nhp.pointee.serve("udpecho", number: ownNumber, policy: NETISR_POLICY_FLOW) { m in
      guard let m = unsafe m else { return }
      unsafe udpEchoInput(Packet(adopting: m))
    }
  }
}
