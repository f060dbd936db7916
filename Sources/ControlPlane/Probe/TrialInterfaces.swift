import CNetISR
import NetISR

/// The interfaces of a trial: one of each kind that a handler may be given a packet by.
enum TrialInterfaces {
  /// In the order of `Trial.Manner.interface`. They live as long as the engine.
  static func make(_ engine: Engine) -> [UnsafeMutablePointer<ifnet>] {
    let sink = Sink()
    // A new engine takes many more than these.
    func one(_ name: String, _ type: Int32, flags: UInt32 = 0, ownClock: Bool = false) -> UnsafeMutablePointer<ifnet> {
      unsafe engine.interfaces.make(name: name, type: type, flags: flags, ownClock: ownClock, output: sink)!
    }
    let listening = unsafe one("trial0", IFT_ETHER, flags: IFNET_MONITOR, ownClock: true)
    let station = unsafe one("trial1", IFT_ETHER, flags: IFNET_NODAD)
    let end = unsafe one("trial2", IFT_EPAIR)
    let circuit = unsafe one("trial3", IFT_ATM)
    unsafe end.pointee.if_peer = station
    let link: [UInt8] = [2, 0, 0, 0, 0, 1]
    unsafe withUnsafeMutableBytes(of: &station.pointee.if_lladdr) { unsafe $0.copyBytes(from: link) }
    unsafe station.pointee.if_lladdrlen = 6
    unsafe set(station, [(4, 24, MadePackets.own4), (6, 64, MadePackets.own6)])
    unsafe set(circuit, [(4, 30, [198, 51, 100, 1])])
    return unsafe [listening, station, end, circuit]
  }

  private static func set(
    _ interface: UnsafeMutablePointer<ifnet>, _ addresses: [(family: UInt8, length: UInt8, bytes: [UInt8])]
  ) {
    unsafe withUnsafeMutableBytes(of: &interface.pointee.if_addrs) { field in
      let list = unsafe field.bindMemory(to: ifnet_addr.self)
      for (index, address) in addresses.enumerated() {
        unsafe list[index].ia_family = address.family
        unsafe list[index].ia_prefixlen = address.length
        unsafe withUnsafeMutableBytes(of: &list[index].ia_addr) { unsafe $0.copyBytes(from: address.bytes) }
      }
    }
    unsafe interface.pointee.if_addrcount = UInt32(addresses.count)
  }

  /// What is sent goes nowhere.
  private final class Sink: InterfaceOutput {
    func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
      unsafe m_freem(m)
      return 0
    }

    func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 { 0 }
  }
}
