import CNetISR
import CNetISRHost

// Which workstream a packet goes to: the protocol's policy.

extension UnsafeMutablePointer where Pointee == ProtocolRecord {
  /// Where a packet goes by its protocol's policy: nil when a callback kept the packet. (netisr_select_cpuid)
  ///
  /// - Parameters:
  ///   - isHybrid: a protocol without preference for a CPU takes the sender's own.
  ///   - cpu: the sender's.
  @inline(__always)
  func place(
    _ packet: UnsafeMutablePointer<mbuf>, source: UInt, isHybrid: Bool, cpu: UInt32
  ) -> (packet: UnsafeMutablePointer<mbuf>, wsid: Int)? {
    if unsafe pointee.policy == .flow && packet.pointee.m_pkthdr.rsstype != UInt8(M_HASHTYPE_NONE) {
      return unsafe (packet, pointee.remainder(packet.pointee.m_pkthdr.flowid))
    }
    guard unsafe pointee.count > 1 else { return unsafe (packet, 0) }
    return unsafe placeAmongSeveral(packet, source, isHybrid, cpu)
  }

  /// The one workstream of all packets of a list, if that is known without asking the protocol; else nil.
  @inline(__always)
  func commonPlace(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, _ source: UInt
  ) -> Int? {
    if unsafe pointee.count == 1 { return 0 }
    guard unsafe pointee.policy == .flow, let wsid = unsafe flowPlace(list[0]) else { return nil }
    for index in 1..<max(1, count) where unsafe flowPlace(list[index]) != wsid { return nil }
    return wsid
  }

  /// Where a packet goes by the flow that it came with.
  @inline(__always)
  private func flowPlace(_ m: UnsafeMutablePointer<mbuf>?) -> Int? {
    guard let m = unsafe m, unsafe m.pointee.m_pkthdr.rsstype != UInt8(M_HASHTYPE_NONE) else { return nil }
    return unsafe pointee.remainder(m.pointee.m_pkthdr.flowid)
  }

  private func placeAmongSeveral(
    _ packet: UnsafeMutablePointer<mbuf>, _ source: UInt, _ isHybrid: Bool, _ cpu: UInt32
  ) -> (packet: UnsafeMutablePointer<mbuf>, wsid: Int)? {
    let count = unsafe UInt(pointee.count)
    var m = unsafe packet
    var policy = unsafe pointee.policy
    if policy == .cpu, let m2cpuid = unsafe unsafeBitCast(pointee.m2cpuid, to: netisr_host_function?.self) {
      var wanted = UInt32.max
      guard let given = unsafe call(m2cpuid, m, source, &wanted) else { return nil }
      unsafe m = given
      if wanted != UInt32.max { return unsafe (m, Int(UInt(wanted) % count)) }
      // No preference: at once if that is possible, else by source.
      if isHybrid { return unsafe (m, Int(UInt(cpu) % count)) }
      policy = .source
    }
    if policy == .flow {
      if unsafe m.pointee.m_pkthdr.rsstype == UInt8(M_HASHTYPE_NONE),
        let m2flow = unsafe unsafeBitCast(pointee.m2flow, to: netisr_host_function?.self)
      {
        guard let given = unsafe call(m2flow, m, source, nil) else { return nil }
        unsafe m = given
      }
      if unsafe m.pointee.m_pkthdr.rsstype != UInt8(M_HASHTYPE_NONE) {
        return unsafe (m, pointee.remainder(m.pointee.m_pkthdr.flowid))
      }
    }
    let interface = unsafe m.pointee.m_pkthdr.rcvif.map { unsafe UInt($0.pointee.if_index) } ?? 0
    return unsafe (m, Int((interface &+ source) % count))
  }

  /// Calls a callback of the policy: nil when it kept the packet, or faulted.
  @inline(__always)
  private func call(
    _ function: netisr_host_function, _ m: UnsafeMutablePointer<mbuf>, _ source: UInt,
    _ cpu: UnsafeMutablePointer<UInt32>?
  ) -> UnsafeMutablePointer<mbuf>? {
    let result = unsafe netisr_host_call_function(self, function, UInt(bitPattern: m), source, UInt(bitPattern: cpu))
    return unsafe UnsafeMutablePointer<mbuf>(bitPattern: result.value)
  }
}
