import NetISRPlugin

/// Which of its addresses this station sends from (RFC 6724, section 5).
enum SourceSelection {
  /// The best address for a destination by an interface; nil when there is none that may be used.
  ///
  /// - Parameter isOnlyItsOwn: others than the interface's are no candidates; of a destination that means something on one
  ///   link only, they never are (section 4).
  static func address(for destination: IP6Address, by interface: Interface, isOnlyItsOwn: Bool = false) -> IP6Address? {
    var best: Candidate?
    let onlyItsOwn = isOnlyItsOwn || destination.isLinkScoped
    unsafe addresses.forEach(on: onlyItsOwn ? interface : nil, vnet: interface.vnet) { address, own in
      guard own.isUsable, address.isHost else { return }
      // Another link's link-local address is a stranger here.
      guard !address.isLinkLocal || own.interface == interface.index else { return }
      let candidate = Candidate(address: address, own: own)
      if best.map({ candidate.isBetter(than: $0, for: destination, by: interface.index) }) ?? true { best = candidate }
    }
    return best?.address
  }

  private struct Candidate {
    let address: IP6Address
    let own: OwnAddress

    /// Rules 1, 2, 3, 5, 6 and 8; the others need what this host has not (home addresses), or does not make (temporary
    /// addresses).
    func isBetter(than other: Candidate, for destination: IP6Address, by interface: UInt32) -> Bool {
      if (address == destination) != (other.address == destination) { return address == destination }
      let (own, others, wanted) = (address.scope, other.address.scope, destination.scope)
      if own < others { return own >= wanted }
      if others < own { return others < wanted }
      let isPreferred = self.own.state == OwnAddress.State.preferred
      if isPreferred != (other.own.state == OwnAddress.State.preferred) { return isPreferred }
      if (self.own.interface == interface) != (other.own.interface == interface) {
        return self.own.interface == interface
      }
      let label = AddressLabel.label(of: destination)
      let hasLabel = AddressLabel.label(of: address) == label
      if hasLabel != (AddressLabel.label(of: other.address) == label) { return hasLabel }
      return matched(destination) > other.matched(destination)
    }

    /// Rule 8 looks at no more than the prefix of the address.
    private func matched(_ destination: IP6Address) -> Int {
      min(address.commonBits(with: destination), Int(own.prefixLength))
    }
  }
}
