extension Table {
  /// Visits the entry that was made first, with exclusive access, then removes it, whatever the visitor answers. False
  /// when the table is empty.
  @inlinable
  public func evictOldest<V: TableVisitor>(vnet: UInt32, with visitor: inout V) -> Bool where V.Value == Value {
    guard let handle = unsafe handle else { return false }
    return unsafe withCall(of: &visitor) { call in unsafe table_evict(handle, vnet, callVisitor, call) } == 0
  }
}
