import PacketIO

/// The decoders of link layers: a byte that says which, four for the length on the wire, then the frame.
final class LinkTarget: FuzzTarget {
  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    guard input.count >= 5 else { return }
    let kinds = LinkType.allCases
    let wireLength = input[1..<5].reduce(0) { $0 << 8 | Int($1) }
    let frame = Array(input[5...])
    try unsafe Self.check(frame.span.bytes, wireLength: wireLength, kinds[Int(input[0]) % kinds.count])
  }

  /// What is delivered lies inside of the frame.
  static func check(_ frame: RawSpan, wireLength: Int, _ linkType: LinkType) throws(FuzzFinding) {
    let delivery: Delivery
    do throws(FrameRefusal) {
      delivery = try LinkDecoder.decode(frame, wireLength: wireLength, linkType: linkType)
    } catch {
      return
    }
    guard delivery.body.lowerBound >= 0, delivery.body.upperBound <= frame.byteCount, (1...10).contains(delivery.proto)
    else {
      throw FuzzFinding(
        "\(linkType.name): of \(frame.byteCount) bytes, \(delivery.body) for protocol \(delivery.proto)")
    }
  }
}
