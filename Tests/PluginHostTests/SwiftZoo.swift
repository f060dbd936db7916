import Foundation
import TestSupport

/// A plugin in Embedded Swift, "bad", of protocol 12, as `Zoo.source` makes them in C.
enum SwiftZoo {
  /// A handler that frees each packet, but does `handling` with those that begin with `!`, whose mbuf is `m`.
  ///
  /// - Parameters:
  ///   - before: declarations.
  ///   - registering: done by its registration, before it serves.
  static func source(before: String = "", handling: String = "", registering: String = "") -> String {
    """
    import NetISRPlugin

    @section(".note.netisr") @used
    let abiNote: ABINote = (
      7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
      magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
      proto: 12, stateVersion: 1, flags: 0, pluginVersion: 100,
      name: [0x62, 0x61, 0x64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "bad"
    )
    nonisolated(unsafe) var handled = Counter()
    nonisolated(unsafe) var sum: UInt = 0
    nonisolated(unsafe) var isEndless = true
    \(before)

    @c @implementation
    public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
      register { () throws(Errno) in
        handled = try Counter("bad.handled")
        \(registering)
        nhp.pointee.serve("bad", number: 12, policy: NETISR_POLICY_FLOW) { m in
          guard let m else { return }
          if m.pointee.m_data[0] == 0x21 { \(handling) }
          handled.add()
          m_freem(m)
        }
      }
    }
    """
  }

  /// Functions of the C library, which Embedded Swift has no module for.
  static let library = """
    @_silgen_name("abort") func c_abort()
    @_silgen_name("exit") func c_exit(_ status: Int32)
    @_silgen_name("munmap") func c_munmap(_ address: UInt, _ size: Int) -> Int32
    @_silgen_name("pthread_mutex_lock") func c_lock(_ mutex: UnsafeMutableRawPointer) -> Int32
    @_silgen_name("dlsym") func c_dlsym(_ handle: UInt, _ name: UnsafePointer<UInt8>) -> UInt
    @_silgen_name("tfind") func c_tfind(_ key: UInt, _ root: UnsafeMutablePointer<UInt>, _ compare: UInt) -> UInt
    @_silgen_name("usleep") func c_usleep(_ microseconds: UInt32) -> Int32
    @_silgen_name("pthread_create") func c_thread(
      _ thread: UnsafeMutablePointer<UInt>, _ attributes: UInt, _ body: @convention(c) (UInt) -> UInt, _ argument: UInt
    ) -> Int32
    @_silgen_name("signal") func c_signal(_ number: Int32, _ body: @convention(c) (Int32) -> Void) -> UInt

    nonisolated(unsafe) var mutex: InlineArray<5, UInt> = [0, 0, 0, 0, 0]

    @inline(never) func lockTwice() {
      withUnsafeMutablePointer(to: &mutex) {
        _ = c_lock(UnsafeMutableRawPointer($0))
        _ = c_lock(UnsafeMutableRawPointer($0))
      }
    }
    """

  /// Compiles it to the zoo's file.
  static func compile(_ zoo: Zoo, before: String = "", handling: String = "", registering: String = "") throws {
    try SwiftPlugin.compile(
      source(before: library + "\n" + before, handling: handling, registering: registering), module: "bad",
      to: zoo.file)
  }
}
