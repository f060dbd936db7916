extension ControlClient {
  /// Makes the host a member of a multicast group by an interface.
  public func join(_ group: String, on name: String) throws(ControlError) -> GroupMembership {
    try send(.POST, "interfaces/\(Self.escape(name))/groups", JSON.encode(GroupRequest(group: group)))
  }

  /// Ends a membership.
  public func leave(_ group: String, on name: String) throws(ControlError) -> GroupMembership {
    try send(.DELETE, "interfaces/\(Self.escape(name))/groups/\(Self.escape(group))")
  }
}
