/// Fills what the host registers. Called from `netisr_plugin_register`, after counters and tables are defined.
extension netisr_handler {
  /// The required part: `name` and `number` are those of the ABI note, and the handler takes every packet over.
  @inlinable
  public mutating func serve(
    _ name: StaticString, number: Int32, policy: Int32, dispatch: Int32 = NETISR_DISPATCH_DEFAULT,
    queueLimit: UInt32 = 0, handler: @escaping @convention(c) (UnsafeMutablePointer<mbuf>?) -> Void
  ) {
    // The string is static: it lives as long as the image, and the host copies it.
    unsafe nh_name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    unsafe nh_handler = unsafe handler
    unsafe nh_proto = UInt32(number)
    unsafe nh_policy = UInt32(policy)
    unsafe nh_dispatch = UInt32(dispatch)
    unsafe nh_qlimit = queueLimit
  }
}

/// Runs the body of `netisr_plugin_register`: 0, or the errno value it throws.
@inlinable
public func register(_ body: () throws(Errno) -> Void) -> Int32 {
  do throws(Errno) {
    try body()
    return 0
  } catch {
    return error.code
  }
}
