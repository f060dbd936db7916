/// Makes of one frame that a sender left to its device to cut what would have been on the wire: TCP segments, or UDP
/// datagrams, each with headers and checksums of its own.
///
/// On a veth pair nobody cuts: the far end hands over up to 64 KiB at once, with one header. Protocols here have a right
/// to packets that fit the MTU.
///
/// Safe: `segment` is private, and has room for `capacity` bytes from init to deinit.
@safe
final class Segmenter {
  private static let capacity = 1 << 16
  private let segment: UnsafeMutableRawBufferPointer

  init() { unsafe segment = .allocate(byteCount: Self.capacity, alignment: 16) }

  deinit { unsafe segment.deallocate() }

  /// Calls `body` with every segment in turn. A frame that is not what `type` says comes out as it is.
  ///
  /// - Parameters:
  ///   - frame: from the Ethernet header on; checksums of layer 4 are not looked at.
  ///   - type: VIRTIO_NET_HDR_GSO_...
  ///   - payload: bytes of layer 4's payload in each segment but the last.
  func split(
    _ frame: UnsafeMutableRawBufferPointer, as type: UInt8, payload: Int, _ body: (RawSpan) -> Void
  ) {
    let whole = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(frame))
    guard let layout = Layout(of: whole, type: type), payload > 0, layout.headers + payload <= Self.capacity else {
      return body(whole)
    }
    var offset = 0
    var number: UInt16 = 0
    let total = frame.count - layout.headers
    repeat {
      let count = min(payload, total - offset)
      unsafe segment.copyMemory(from: UnsafeRawBufferPointer(rebasing: frame[..<layout.headers]))
      unsafe UnsafeMutableRawBufferPointer(rebasing: segment[layout.headers...]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: frame[(layout.headers + offset)..<(layout.headers + offset + count)]))
      let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: segment[..<(layout.headers + count)])
      unsafe layout.correct(piece, number: number, offset: offset, isLast: offset + count >= total)
      body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(piece)))
      offset += count
      number &+= 1
    } while offset < total
  }

  /// Where the headers are. Checked once by `init`: they are inside of the frame.
  private struct Layout {
    let network: Int
    let transport: Int
    /// Bytes in front of layer 4's payload.
    let headers: Int
    let isIPv6: Bool
    let isTCP: Bool

    init?(of frame: RawSpan, type: UInt8) {
      switch type {
      case 1: (isIPv6, isTCP) = (false, true)
      case 4: (isIPv6, isTCP) = (true, true)
      case 5:
        guard frame.byteCount > 14, let version = Self.network(of: frame).map({ frame.byte(at: $0.start) >> 4 }) else {
          return nil
        }
        (isIPv6, isTCP) = (version == 6, false)
      default: return nil
      }
      guard let found = Self.network(of: frame), found.type == (isIPv6 ? 0x86dd : 0x0800) else { return nil }
      network = found.start
      guard let transport = isIPv6 ? Self.transport6(frame, network, isTCP) : Self.transport4(frame, network, isTCP)
      else { return nil }
      self.transport = transport
      guard frame.byteCount >= transport + (isTCP ? 20 : 8) else { return nil }
      headers = transport + (isTCP ? Int(frame.byte(at: transport + 12) >> 4) * 4 : 8)
      guard headers >= transport + (isTCP ? 20 : 8), headers < frame.byteCount else { return nil }
    }

    /// Behind all tags: where the network header is, with at least a byte, and its type.
    private static func network(of frame: RawSpan) -> (start: Int, type: UInt16)? {
      var start = 14
      while frame.byteCount > start {
        let type = frame.big16(at: start - 2)
        guard type == 0x8100 || type == 0x88a8 else { return (start, type) }
        start += 4
      }
      return nil
    }

    private static func transport4(_ frame: RawSpan, _ network: Int, _ isTCP: Bool) -> Int? {
      guard frame.byteCount >= network + 20, frame.byte(at: network + 9) == (isTCP ? 6 : 17) else { return nil }
      let length = Int(frame.byte(at: network) & 0xf) * 4
      return length >= 20 ? network + length : nil
    }

    /// Behind hop-by-hop, routing and destination options (RFC 8200, section 4).
    private static func transport6(_ frame: RawSpan, _ network: Int, _ isTCP: Bool) -> Int? {
      var start = network + 40
      guard frame.byteCount >= start + 8 else { return nil }
      var next = frame.byte(at: network + 6)
      while next == 0 || next == 43 || next == 60 {
        guard frame.byteCount >= start + 8 else { return nil }
        next = frame.byte(at: start)
        start += (Int(frame.byte(at: start + 1)) + 1) * 8
      }
      return next == (isTCP ? 6 : 17) ? start : nil
    }

    /// Makes the copied headers those of one segment.
    func correct(_ piece: UnsafeMutableRawBufferPointer, number: UInt16, offset: Int, isLast: Bool) {
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(piece))
      let length = piece.count - transport
      if isIPv6 {
        unsafe Checksum.store(UInt16(piece.count - network - 40), in: piece, at: network + 4)
      } else {
        unsafe Checksum.store(UInt16(piece.count - network), in: piece, at: network + 2)
        unsafe Checksum.store(span.big16(at: network + 4) &+ number, in: piece, at: network + 4)
        unsafe Checksum.store(0, in: piece, at: network + 10)
        let sum = unsafe Checksum.sum(UnsafeRawBufferPointer(rebasing: piece[network..<transport]))
        unsafe Checksum.store(~Checksum.fold(sum), in: piece, at: network + 10)
      }
      if isTCP {
        let sequence = span.big32(at: transport + 4) &+ UInt32(truncatingIfNeeded: offset)
        unsafe piece.storeBytes(of: sequence.bigEndian, toByteOffset: transport + 4, as: UInt32.self)
        // CWR is the first segment's, FIN and PSH are the last one's.
        var flags = span.byte(at: transport + 13)
        if number > 0 { flags &= ~0x80 }
        if !isLast { flags &= ~0x09 }
        unsafe piece[transport + 13] = flags
      } else {
        unsafe Checksum.store(UInt16(length), in: piece, at: transport + 4)
      }
      let field = transport + (isTCP ? 16 : 6)
      unsafe Checksum.store(0, in: piece, at: field)
      // The pseudo header: both addresses, the length, the protocol.
      let addresses = isIPv6 ? (network + 8)..<(network + 40) : (network + 12)..<(network + 20)
      let pseudo = unsafe Checksum.sum(
        UnsafeRawBufferPointer(rebasing: piece[addresses]), adding: UInt64(length) + (isTCP ? 6 : 17))
      let value = unsafe ~Checksum.fold(
        Checksum.sum(UnsafeRawBufferPointer(rebasing: piece[transport...]), adding: pseudo))
      unsafe Checksum.store(value == 0 ? 0xffff : value, in: piece, at: field)
    }
  }
}
