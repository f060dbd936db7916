import CNetISR
import SeededRandom

/// Packets that are nearly good, at random: the same ones for the same seed.
struct PacketMutator {
  private var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// A number from 0 to `bound` - 1.
  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(bound, 1), using: &random) }

  /// Changes one to five things: bits, bytes, the length; mostly near the beginning, where headers are. Mostly the checksums
  /// are right afterwards.
  mutating func mutate(_ packet: [UInt8], of proto: UInt32) -> [UInt8] {
    var packet = packet
    for _ in 0...below(5) where !packet.isEmpty {
      let place = below(below(3) > 0 ? min(packet.count, 64) : packet.count)
      switch below(8) {
      case 0, 1: packet[place] ^= 1 << UInt8(below(8))
      case 2: packet[place] = UInt8(below(256))
      case 3: packet[place] = [0, 1, 4, 0x7f, 0x80, 0xff][below(6)]
      case 4: packet.removeLast(below(packet.count))
      case 5: packet.insert(contentsOf: packet.prefix(below(40)), at: place)
      case 6: packet.removeSubrange(place..<min(packet.count, place + 1 + below(16)))
      default: packet += (0..<below(60)).map { _ in UInt8(below(256)) }
      }
    }
    if below(8) > 0 { PacketChecksums.mend(&packet, of: proto) }
    return packet
  }

  /// How it comes in.
  mutating func manner() -> Trial.Manner {
    var manner = Trial.Manner()
    manner.interface = below(4)
    manner.piece = below(2) == 0 ? 0 : 1 + below(64)
    manner.flags = below(8) == 0 ? M_LOCALOUT : below(4) == 0 ? M_BCAST : 0
    manner.cut = below(4) == 0 ? below(200) : 0
    return manner
  }
}
