import CNetISR
import NetISR
import PacketIO

/// The interfaces that routes of a vnet can name: the host's own, and what the kernel has told of its links. By the
/// system's index, which is what routes have.
@safe
struct RouteInterfaces {
  /// An interface of the host.
  struct Own {
    var name: String
    var index: UInt32
    var addresses: [InterfaceAddress]
    var isUsable: Bool
  }

  /// The host's, in the order in which they were made.
  let own: [Own]
  private let names: [UInt32: String]

  init(_ engine: Engine, vnet: UInt32) {
    var own: [Own] = []
    var next = unsafe engine.interfaces.next(after: 0)
    while let interface = unsafe next {
      unsafe next = engine.interfaces.next(after: interface.pointee.if_index)
      guard unsafe interface.pointee.if_vnet == vnet else { continue }
      let flags = unsafe ifnet_flags(interface)
      unsafe own.append(
        Own(
          name: InterfaceSummary.name(of: interface), index: ifnet_sysindex(interface),
          addresses: InterfaceAddress.read(from: interface),
          isUsable: flags & UInt32(IFNET_UP) != 0 && flags & UInt32(IFNET_MONITOR) == 0))
    }
    self.own = own
    var names: [UInt32: String] = [:]
    for link in TableReader("route.links", of: engine)?.all(vnet: vnet) ?? [] {
      names[link["index"]] = link[text: "name"]
    }
    for interface in own { names[interface.index] = interface.name }
    self.names = names
  }

  /// The interface's name, or its index when nobody has told of one; nil for 0.
  func name(_ index: UInt32) -> String? { index == 0 ? nil : names[index] ?? "#\(index)" }

  /// The system's index of a name.
  func index(_ name: String) throws(ControlError) -> UInt32 {
    if let interface = own.first(where: { $0.name == name }) { return interface.index }
    if let known = names.first(where: { $0.value == name }) { return known.key }
    let hint = NearMiss.best(for: name, among: Array(names.values)).map { "; did you mean '\($0)'?" } ?? ""
    throw ControlError(
      .notFound, "no interface '\(name)' in this vnet, neither the host's nor a link of the kernel's\(hint)")
  }

  /// The network of an own interface that an address is in, the longest: the interface's index and the network.
  func network(of address: [UInt8]) -> (interface: Own, network: RoutePrefix)? {
    var best: (interface: Own, network: RoutePrefix)?
    for interface in own where interface.isUsable {
      for other in interface.addresses {
        let network = RoutePrefix(bytes: other.bytes, length: other.prefixLength)
        guard network.contains(address), network.length > (best?.network.length ?? 0) || best == nil else { continue }
        best = (interface, network)
      }
    }
    return best
  }

  /// Whether an address is an own interface's.
  func isLocal(_ address: [UInt8]) -> Bool {
    own.contains { $0.isUsable && $0.addresses.contains { $0.bytes == address } }
  }
}
