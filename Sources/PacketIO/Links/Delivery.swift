import CNetISR

/// What a link decoder makes of a captured frame: bytes for one protocol.
///
/// The packet is `prefix`, then the bytes `body` of the frame.  Nothing is copied here, so that decoding can be tested,
/// and fuzzed, without packet buffers.
public struct Delivery: Sendable {
  /// The protocol number (NETISR_...) that takes the packet.
  public var proto: UInt32
  /// Bytes in front of the body that the capture does not have in this form.
  public var prefix: FramePrefix
  /// The part of the captured frame that the packet has; always inside the frame.
  public var body: Range<Int>
  /// Bytes that the packet had on the wire, prefix included; less than `count` when the capture says nonsense.
  public var wireLength: Int
  /// M_BCAST, M_MCAST, M_VLANTAG, or 0.
  public var flags: UInt32
  /// With M_VLANTAG: the tag that the device took off.
  public internal(set) var tag: UInt16 = 0
  /// CSUM_... flags: what the device says of checksums.
  public internal(set) var checksum: UInt32 = 0

  init(proto: Int32, prefix: FramePrefix = FramePrefix(), body: Range<Int>, wireLength: Int, flags: UInt32 = 0) {
    self.proto = UInt32(proto)
    self.prefix = prefix
    self.body = body
    self.wireLength = wireLength
    self.flags = flags
  }

  /// Puts into the packet header what the device had taken off the frame.
  @inline(__always)
  mutating func restore(_ offload: FrameOffload) {
    checksum = offload.checksum
    guard let tag = offload.tag else { return }
    self.tag = tag
    flags |= M_VLANTAG
  }

  /// Bytes of the packet.
  public var count: Int { prefix.count + body.count }
}

/// Up to 16 synthesised bytes, kept inline.
public struct FramePrefix: Sendable {
  private var storage = InlineArray<16, UInt8>(repeating: 0)
  /// How many of the bytes are set.
  public private(set) var count = 0

  init() {}

  /// Adds one byte.  More than 16 are a bug of the decoder.
  mutating func append(_ byte: UInt8) {
    storage[count] = byte
    count += 1
  }

  /// Adds two bytes, most significant first.
  mutating func append(big value: UInt16) {
    append(UInt8(truncatingIfNeeded: value >> 8))
    append(UInt8(truncatingIfNeeded: value))
  }

  /// Adds two bytes in the order of this machine.
  mutating func append(host value: UInt16) {
    append(big: value.bigEndian)
  }

  /// Adds a copy of `count` bytes of `frame`, which must have them.
  mutating func append(_ frame: RawSpan, from offset: Int, count: Int) {
    for index in offset..<(offset + count) { append(frame.byte(at: index)) }
  }

  /// Calls `body` with the address of the bytes, of which `count` are set.
  func withUnsafeBytes<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
    // The storage is inline and never empty, so the buffer has an address.
    unsafe storage.span.withUnsafeBytes { unsafe body($0.baseAddress!) }
  }

  /// A copy of the bytes.
  public var bytes: [UInt8] {
    (0..<count).map { storage[$0] }
  }
}
