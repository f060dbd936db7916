import CNetISR

/// C functions for the records of observed protocols. A C function pointer carries no context, so each protocol number has
/// its own; the observer is that of the calling thread's engine.
enum ObservedCallbacks {
  typealias Handler = @convention(c) (UnsafeMutablePointer<mbuf>?) -> Void
  typealias Placement =
    @convention(c) (UnsafeMutablePointer<mbuf>?, UInt, UnsafeMutablePointer<UInt32>?) -> UnsafeMutablePointer<mbuf>?

  /// In the places of nh_handler, by protocol number.
  static let handlers: [Handler] = unsafe [
    { unsafe handle(0, $0) }, { unsafe handle(1, $0) }, { unsafe handle(2, $0) }, { unsafe handle(3, $0) },
    { unsafe handle(4, $0) }, { unsafe handle(5, $0) }, { unsafe handle(6, $0) }, { unsafe handle(7, $0) },
    { unsafe handle(8, $0) }, { unsafe handle(9, $0) }, { unsafe handle(10, $0) }, { unsafe handle(11, $0) },
    { unsafe handle(12, $0) }, { unsafe handle(13, $0) }, { unsafe handle(14, $0) }, { unsafe handle(15, $0) },
  ]

  /// In the places of nh_m2cpuid, by protocol number.
  static let placements: [Placement] = unsafe [
    { unsafe place(0, $0, $1, $2) }, { unsafe place(1, $0, $1, $2) }, { unsafe place(2, $0, $1, $2) },
    { unsafe place(3, $0, $1, $2) }, { unsafe place(4, $0, $1, $2) }, { unsafe place(5, $0, $1, $2) },
    { unsafe place(6, $0, $1, $2) }, { unsafe place(7, $0, $1, $2) }, { unsafe place(8, $0, $1, $2) },
    { unsafe place(9, $0, $1, $2) }, { unsafe place(10, $0, $1, $2) }, { unsafe place(11, $0, $1, $2) },
    { unsafe place(12, $0, $1, $2) }, { unsafe place(13, $0, $1, $2) }, { unsafe place(14, $0, $1, $2) },
    { unsafe place(15, $0, $1, $2) },
  ]

  private static func handle(_ number: Int, _ m: UnsafeMutablePointer<mbuf>?) {
    // The engine calls with a packet, on a thread of its own, while there is an observer.
    unsafe observer.handle(number, m!)
  }

  private static func place(
    _ number: Int, _ m: UnsafeMutablePointer<mbuf>?, _ source: UInt, _ wanted: UnsafeMutablePointer<UInt32>?
  ) -> UnsafeMutablePointer<mbuf>? {
    unsafe observer.place(number, m!, source, wanted!)
  }

  private static var observer: PacketObserver { unsafe ThreadContext.current!.pointee.engine.observer! }
}
