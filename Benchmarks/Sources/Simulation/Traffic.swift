import Glibc
import SeededRandom

/// Packets in the order in which they arrive, each of one flow.
public struct Traffic: Sendable {
  /// In a few words.
  public let name: String
  /// The flow id of each flow, as the shipped protocols' hash gives it.
  public let flowIDs: [UInt32]
  /// The flow of each packet, by its place in `flowIDs`.
  public let packets: [Int32]

  /// Part of the packets that belong to the flow that has the most.
  public var largestShare: Double {
    var counts = [Int](repeating: 0, count: flowIDs.count)
    for flow in packets { counts[Int(flow)] += 1 }
    return Double(counts.max() ?? 0) / Double(max(1, packets.count))
  }

  /// As many packets of every flow as chance wants: all are equally likely.
  public static func uniform(flows: Int, packets: Int, seed: UInt64) -> Traffic {
    var random = SeededGenerator(seed: seed)
    return Traffic(
      name: "uniform", flowIDs: makeIDs(flows, &random),
      packets: (0..<packets).map { _ in Int32.random(in: 0..<Int32(flows), using: &random) })
  }

  /// Zipf: the flow of rank r has a part of the packets that is proportional to 1/r^s.
  public static func zipf(_ s: Double, flows: Int, packets: Int, seed: UInt64) -> Traffic {
    var random = SeededGenerator(seed: seed)
    var sum = 0.0
    let upTo = (1...flows).map { rank -> Double in
      sum += pow(Double(rank), -s)
      return sum
    }
    return Traffic(
      name: "zipf \(s)", flowIDs: makeIDs(flows, &random),
      packets: (0..<packets).map { _ in
        let point = Double.random(in: 0..<sum, using: &random)
        // The first rank whose sum is beyond the point.
        var range = 0..<flows
        while range.count > 1 {
          let middle = (range.lowerBound + range.upperBound) / 2
          range = upTo[middle - 1] > point ? range.lowerBound..<middle : middle..<range.upperBound
        }
        return Int32(range.lowerBound)
      })
  }

  /// Flows that come and go: `active` of them at a time, with lengths after Pareto (at least one packet, exponent `alpha`),
  /// each of which sends trains of up to 16 packets. The usual picture of a link: most flows are mice, and most packets
  /// are of elephants.
  public static func pareto(_ alpha: Double, active: Int, packets: Int, seed: UInt64) -> Traffic {
    var random = SeededGenerator(seed: seed)
    var flows: Int32 = 0
    func start() -> (flow: Int32, left: Double) {
      defer { flows += 1 }
      return (flows, pow(1 - Double.random(in: 0..<1, using: &random), -1 / alpha))
    }
    var present = (0..<active).map { _ in start() }
    var list: [Int32] = []
    while list.count < packets {
      let index = Int.random(in: 0..<active, using: &random)
      let train = min(Int.random(in: 1...16, using: &random), Int(min(present[index].left, 16)))
      for _ in 0..<train { list.append(present[index].flow) }
      present[index].left -= Double(train)
      if present[index].left < 1 { present[index] = start() }
    }
    return Traffic(name: "pareto \(alpha)", flowIDs: makeIDs(Int(flows), &random), packets: Array(list.prefix(packets)))
  }

  /// Flow ids of TCP connections between random addresses.
  private static func makeIDs(_ count: Int, _ random: inout SeededGenerator) -> [UInt32] {
    (0..<count).map { _ in
      let ends = random.next()
      var hash = FlowHash(common: 6)
      hash.addEnd(0, ends & 0xffff_ffff, port: .random(in: 1024 ... .max, using: &random))
      hash.addEnd(0, ends >> 32, port: 443)
      return hash.value
    }
  }
}

extension Traffic: CustomStringConvertible {
  /// Its name.
  public var description: String { name }
}
