/// The ELF note by which the host knows a plugin before it runs any of its code: `struct netisr_abi_note`, written out,
/// because a constant that goes into a section must be a literal. A wrong number in it is refused by the host's
/// inspection, with both values named.
///
/// ```swift
/// @section(".note.netisr") @used
/// let abiNote: ABINote = (
///   7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],  // "NetISR"
///   magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
///   proto: 11, stateVersion: 1, flags: 0, pluginVersion: 100,
///   name: [0x68, 0x65, 0x6c, 0x6c, 0x6f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "hello"
/// )
/// ```
public typealias ABINote = (
  UInt32, UInt32, UInt32, InlineArray<8, UInt8>,
  magic: UInt32, size: UInt32, abiMajor: UInt16, abiMinor: UInt16, handlerSize: UInt32, mbufSize: UInt32,
  proto: UInt32, stateVersion: UInt32, flags: UInt32, pluginVersion: UInt32,
  name: InlineArray<16, UInt8>
)
