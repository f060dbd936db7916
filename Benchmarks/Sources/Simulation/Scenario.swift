import NetISR

/// How traffic meets an engine.
public struct Scenario: Sendable {
  /// Workstreams, each on a CPU of its own that does nothing else.
  public var workstreams: Int
  /// How a workstream is selected.
  public var policy = Policy.flow
  /// Sources, for the SOURCE policy: interfaces' receive queues. A flow comes in at one of them.
  public var sources = 64
  /// Entries of the table by which the protocol's nh_m2cpuid chooses, for the CPU policy: as a network card's table has.
  public var cpuTable = 128
  /// How much of what all workstreams together can do is asked of them, 1 being all.
  public var load = 0.7
  /// The queue limit, in packets.
  public var queueLimit = 256
  /// Another number of workstreams, in the middle of the traffic.
  public var thenWorkstreams: Int?

  /// FLOW policy at a load of 0.7 and the usual limit.
  public init(workstreams: Int) { self.workstreams = workstreams }
}

/// What came of it. A service time is what one packet keeps its workstream busy.
public struct Outcome: Sendable {
  /// Packets sent, handled, and dropped for full queues.
  public var packets = 0, handled = 0, drops = 0
  /// Packets for the workstream that got the most, over the mean of all; dropped ones included.
  public var balance = 0.0
  /// Packets that were handled after a later one of what the policy keeps in order.
  public var violations = 0
  /// The longest queue there ever was.
  public var watermark = 0
  /// From arrival to the handler's end, in service times.
  public var delay = (p50: 0.0, p99: 0.0, longest: 0.0)
  /// Part of the flows seen before and after the change of the number of workstreams that moved.
  public var movedFlows = 0.0
  /// How long the change kept the new workstreams waiting, in service times.
  public var pause = 0.0
  /// Whether the engine's own balance came out even, with nothing left.
  public var isBalanced = false
}
