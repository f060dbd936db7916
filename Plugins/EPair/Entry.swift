import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 4, handlerSize: 104, mbufSize: 256,
  proto: 8, stateVersion: 1, flags: 0, pluginVersion: 100,
  name: [0x65, 0x70, 0x61, 0x69, 0x72, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "epair"
)

/// `netisr_plugin_register`, as netisr_plugin.h describes it.
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe counters = try EPairCounters(defining: ())
    unsafe nhp.pointee.serve("epair", number: NETISR_EPAIR, policy: NETISR_POLICY_CPU) { m in
      guard let m = unsafe m else { return }
      unsafe epairInput(Packet(adopting: m))
    }
    unsafe nhp.pointee.nh_m2cpuid = { m, _, cpuid in
      guard let m = unsafe m, let cpuid = unsafe cpuid else { return unsafe m }
      let packet = unsafe Packet(adopting: m)
      unsafe cpuid.pointee = Placement.cpu(of: packet)
      return unsafe packet.release()
    }
    unsafe nhp.pointee.nh_drainedcpu = { cpu in
      restartPairs(servedBy: cpu)
    }
  }
}
