import PacketIO

// The packet in flight as a capture of one frame.

extension FaultSummary {
  /// Of the link type that its protocol's packets have alone: Ethernet, IPv4 or IPv6; LINKTYPE_USER0 for what has none.
  func writeCapture(to path: String) throws(CaptureError) {
    let link: CaptureWriter.LinkType =
      switch proto {
      case 1: .ipv4
      case 5, 8: .ethernet
      case 6: .ipv6
      default: .user0
      }
    try CaptureWriter.write(
      packetBytes, originalLength: packetLength, nanoseconds: time, linkType: link, to: path)
  }

  /// Writes the packet in flight to a capture file.
  public func write(packetTo path: String) throws(ControlError) {
    guard !packet.isEmpty else { throw ControlError(.notFound, "fault \(number): no packet was in flight") }
    do throws(CaptureError) {
      try writeCapture(to: path)
    } catch {
      throw ControlError(.failed, "\(error)")
    }
  }
}
