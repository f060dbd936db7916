extension ControlClient {
  /// The vnets that there are.
  public func vnets() throws(ControlError) -> VnetList { try get("vnets") }

  /// Makes a vnet.
  public func createVnet(_ vnet: UInt32) throws(ControlError) -> VnetList {
    try send(.POST, "vnets", JSON.encode(VnetRequest(vnet: vnet)))
  }

  /// Ends a vnet; answers with what it was.
  public func deleteVnet(_ vnet: UInt32) throws(ControlError) -> VnetList { try send(.DELETE, "vnets/\(vnet)") }

  /// Enables or disables a protocol in a vnet.
  public func setProtocol(_ name: String, in vnet: UInt32, enabled: Bool) throws(ControlError) -> VnetList {
    try send(
      .PUT, "vnets/\(vnet)/protocols/\(Self.escape(name))", JSON.encode(VnetProtocolRequest(enabled: enabled)))
  }
}
