import NetISRPlugin

@section(".note.netisr") @used
let abiNote: ABINote = (
  7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
  magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 4, handlerSize: 104, mbufSize: 256,
  proto: 6, stateVersion: 2, flags: 0, pluginVersion: 100,
  name: [0x69, 0x70, 0x36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "ip6"
)

/// `netisr_plugin_unregister`, as netisr_plugin.h describes it.
@c @implementation
public func netisr_plugin_unregister() { Advertising.endAll() }

/// `netisr_plugin_register`, as netisr_plugin.h describes it.
@c @implementation
public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
  register { () throws(Errno) in
    unsafe timer.open()
    unsafe stations.open()
    unsafe counters = try IP6Counters(defining: ())
    unsafe icmp6Counters = try ICMP6Counters(defining: ())
    unsafe mldCounters = try MLDCounters(defining: ())
    unsafe udp6Counters = try UDP6Counters(defining: ())
    unsafe settings = try IP6Settings(defining: ())
    unsafe tables = try IP6Tables(opening: ())
    try unsafe addresses.open()
    try unsafe links.open()
    try unsafe groups.open()
    try unsafe resolution.open()
    try unsafe routers.open()
    try unsafe onLinkPrefixes.open()
    try unsafe routing.open()
    try unsafe upperLayers.open()
    try RateLimit.open()
    try Interface.watch { _ in unsafe stations.look() }
    unsafe nhp.pointee.serve("ip6", number: NETISR_IPV6, policy: NETISR_POLICY_FLOW) { m in
      guard let m = unsafe m else { return }
      unsafe ip6Input(Packet(adopting: m))
    }
    unsafe nhp.pointee.nh_m2flow = { m, _ in
      guard let m = unsafe m else { return nil }
      return unsafe ip6Flow(Packet(adopting: m)).release()
    }
  }
}
