import PacketIO
import Simulation
import Testing
import TestSupport

/// Engines of more workstreams than this machine has CPUs, driven by hand, through made-up flows.
@Suite struct SimulationTests {
  private static let packets = 10_000

  static let traffics = [
    Traffic.uniform(flows: 8192, packets: packets, seed: 1), Traffic.zipf(1.1, flows: 8192, packets: packets, seed: 1),
    Traffic.pareto(1.2, active: 512, packets: packets, seed: 1),
  ]

  @Test(arguments: traffics, [1, 16, 256])
  func orderAndBalanceHold(traffic: Traffic, workstreams: Int) throws {
    let outcome = try Scenario(workstreams: workstreams).play(traffic)
    #expect(outcome.violations == 0 && outcome.isBalanced)
    #expect(outcome.handled + outcome.drops == Self.packets && outcome.handled > 0)
    #expect(outcome.watermark <= 256)
    #expect(outcome.delay.p50 >= 0.99 && outcome.delay.p99 >= outcome.delay.p50)
  }

  /// The most that a workstream gets by chance: flows fall like balls into urns, and packets into flows. Five standard
  /// deviations above the mean; the seed is fixed, so that the outcome is.
  @Test(arguments: [2, 8, 64])
  func uniformFlowsAreSpreadEvenly(workstreams: Int) throws {
    let traffic = Self.traffics[0]
    let outcome = try Scenario(workstreams: workstreams).play(traffic)
    let urns = Double(workstreams)
    let deviation = (urns / Double(traffic.flowIDs.count) + urns / Double(Self.packets)).squareRoot()
    #expect(outcome.balance >= 1 && outcome.balance < 1 + 5 * deviation, "\(outcome.balance), \(deviation)")
  }

  /// No hash can spread a flow: its workstream is overloaded as soon as its part is more than one workstream's.
  @Test func anElephantLimitsAll() throws {
    let traffic = Traffic.zipf(1.5, flows: 8192, packets: Self.packets, seed: 1)
    #expect(traffic.largestShare > 0.3)
    let few = try Scenario(workstreams: 1).play(traffic)
    let many = try Scenario(workstreams: 64).play(traffic)
    #expect(few.drops == 0 && many.drops > 0 && many.watermark == 256)
    #expect(many.balance > 64 * traffic.largestShare * 0.99)
  }

  @Test(arguments: [(4, 5), (64, 128), (128, 16)])
  func aChangeOfTheWorkersKeepsOrder(before: Int, after: Int) throws {
    var scenario = Scenario(workstreams: before)
    scenario.thenWorkstreams = after
    scenario.load = 0.1
    scenario.queueLimit = 4096
    let outcome = try scenario.play(Self.traffics[0])
    #expect(outcome.violations == 0 && outcome.isBalanced && outcome.drops == 0)
    // A flow stays where its two remainders agree.
    var (divisor, rest) = (before, after)
    while rest != 0 { (divisor, rest) = (rest, divisor % rest) }
    let stay = Double(divisor) / Double(max(before, after))
    #expect(abs(outcome.movedFlows - (1 - stay)) < 0.05, "\(outcome.movedFlows)")
  }

  /// Flows are told apart in a capture as the shipped IP protocol does it.
  @Test func flowsOfACaptureAreTheProtocolsOwn() throws {
    let path = "\(Fixtures.root)/Samples/ethernet.pcap"
    let harness = try Harness(plugins: ["ip"])
    var expected: [UInt32] = []
    var reader = try CaptureReader(path: path)
    while expected.count < 100,
      let frame = try reader.next({ bytes, _ in
        (0..<bytes.byteCount).map { bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
      })
    {
      guard frame.count > 34, frame[12..<14] == [0x08, 0x00], let id = try harness.flowID("ip", Array(frame[14...]))
      else { continue }
      expected.append(id)
    }
    #expect(Set(expected).count > 1)
    let traffic = try #require(try Traffic.captures([path], packets: 1000))
    #expect(traffic.packets.prefix(expected.count).map { traffic.flowIDs[Int($0)] } == expected)
    let outcome = try Scenario(workstreams: 8).play(traffic)
    #expect(traffic.packets.count >= 1000 && outcome.violations == 0 && outcome.isBalanced)
  }
}
