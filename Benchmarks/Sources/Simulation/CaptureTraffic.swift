import CNetISR
import PacketIO

extension Traffic {
  /// The IPv4 packets of captures, in their order, over and over until there are `packets`. nil when they have none.
  ///
  /// Flows are told apart as the IP protocol does it: by addresses and ports, in both directions alike, and fragments by
  /// their datagram.
  public static func captures(_ paths: [String], packets: Int) throws(CaptureError) -> Traffic? {
    var places: [UInt32: Int32] = [:]
    var ids: [UInt32] = []
    var list: [Int32] = []
    for path in paths {
      var reader = try CaptureReader(path: path)
      let linkType = reader.linkType
      while let id = try reader.next({ bytes, frame in flowID(bytes, frame, linkType) }) {
        guard let id, list.count < packets else { continue }
        let place = places[id] ?? Int32(ids.count)
        if place == ids.count {
          places[id] = place
          ids.append(id)
        }
        list.append(place)
      }
    }
    guard !list.isEmpty else { return nil }
    let once = list.count
    for index in once..<max(once, packets) { list.append(list[index - once]) }
    return Traffic(name: "captures", flowIDs: ids, packets: list)
  }

  /// The flow of a frame's IPv4 packet; nil for others.
  private static func flowID(_ bytes: RawSpan, _ frame: CapturedFrame, _ linkType: LinkType) -> UInt32? {
    guard let packet = try? LinkDecoder.decode(bytes, wireLength: frame.wireLength, linkType: linkType)
    else { return nil }
    // What a decoder puts in front of the body is a link header.
    var start = packet.body.lowerBound
    if packet.proto == NETISR_ETHER {
      if packet.prefix.count == 0 {
        start += 12
        while start + 2 <= bytes.byteCount, [0x8100, 0x88a8].contains(word(bytes, start)) { start += 4 }
        guard start + 2 <= bytes.byteCount, word(bytes, start) == 0x0800 else { return nil }
        start += 2
      }
    } else if packet.proto != NETISR_IP {
      return nil
    }
    return ipv4FlowID(bytes, at: start)
  }

  private static func ipv4FlowID(_ bytes: RawSpan, at start: Int) -> UInt32? {
    guard start + 20 <= bytes.byteCount, byte(bytes, start) >> 4 == 4 else { return nil }
    let proto = byte(bytes, start + 9)
    let length = Int(byte(bytes, start) & 15) * 4
    var common = UInt64(proto)
    var ports: (UInt16, UInt16) = (0, 0)
    if word(bytes, start + 6) & 0x3fff != 0 {
      common |= UInt64(word(bytes, start + 4)) << 16 | 1 << 32
    } else if [6, 17, 132, 136].contains(proto), length >= 20, start + length + 4 <= bytes.byteCount {
      ports = (word(bytes, start + length), word(bytes, start + length + 2))
    }
    var hash = FlowHash(common: common)
    hash.addEnd(0, address(bytes, start + 12), port: ports.0)
    hash.addEnd(0, address(bytes, start + 16), port: ports.1)
    return hash.value
  }

  // Offsets are checked before.
  private static func byte(_ bytes: RawSpan, _ offset: Int) -> UInt8 {
    unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
  private static func word(_ bytes: RawSpan, _ offset: Int) -> UInt16 {
    UInt16(byte(bytes, offset)) << 8 | UInt16(byte(bytes, offset + 1))
  }
  private static func address(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
    UInt64(word(bytes, offset)) << 16 | UInt64(word(bytes, offset + 2))
  }
}
