import CNetISR
import ControlPlane

/// Packets and how they come in, as bytes: for each, a byte of choices, one for the bytes in an mbuf (0: as many as there
/// is room for), two for its length, least significant first, then the packet. What is missing at the end is short.
enum PacketScript {
  struct Step {
    var packet: [UInt8]
    var manner = Trial.Manner()
    /// Nanoseconds before it comes.
    var pause: UInt64
    /// Its checksums are made right.
    var isMended: Bool
  }

  /// More packets only take time.
  private static let limit = 16
  private static let pauses: [UInt64] = [0, Trial.second, 31 * Trial.second, 700 * Trial.second]

  /// Choices: bits 0 and 1 the interface, 2 made here, 3 a group's, 4 cut by the capture, 5 and 6 the pause, 7 checksums as
  /// they are.
  static func steps(_ input: [UInt8]) -> [Step] {
    var steps: [Step] = []
    var rest = input[...]
    while rest.count >= 4, steps.count < limit {
      let head = Array(rest.prefix(4))
      let packet = Array(rest.dropFirst(4).prefix(Int(head[2]) | Int(head[3]) << 8))
      rest = rest.dropFirst(4 + packet.count)
      var step = Step(packet: packet, pause: pauses[Int(head[0] >> 5 & 3)], isMended: head[0] & 0x80 == 0)
      step.manner.interface = Int(head[0] & 3)
      step.manner.piece = Int(head[1])
      if head[0] & 4 != 0 { step.manner.flags |= M_LOCALOUT }
      if head[0] & 8 != 0 { step.manner.flags |= M_MCAST }
      if head[0] & 16 != 0 { step.manner.cut = 100 }
      steps.append(step)
    }
    return steps
  }

  /// One packet that comes in by an interface.
  static func encode(_ packet: [UInt8], interface: UInt8, piece: UInt8 = 0) -> [UInt8] {
    [interface, piece, UInt8(packet.count & 0xff), UInt8(packet.count >> 8 & 0xff)] + packet
  }
}
