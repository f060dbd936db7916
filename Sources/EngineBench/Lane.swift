import CBaseline
import CEngineBench
import CNetISR

/// Who is measured.
enum Side: CaseIterable {
  case baseline, engine
}

extension Rig {
  /// A sender's lane, nothing sent yet.
  ///
  /// - Parameters:
  ///   - lane: its number, below BENCH_MAXLANES.
  ///   - parts: into how many the mbufs are divided; the lane has the one with its number.
  ///   - target: the workstream that its flows belong to.
  func lane(
    _ form: Form, _ handler: Handler, _ supply: Supply, _ side: Side, lane number: Int = 0, of parts: Int = 1,
    target: Int
  ) -> bench_lane {
    var lane = unsafe bench_lane()
    let count = Self.mbufCount / parts
    unsafe lane.ring = unsafe ring(supply).map { unsafe $0 + number * count }
    unsafe lane.count = UInt64(count)
    unsafe lane.lane = UInt32(number)
    unsafe lane.proto = Self.number(form, handler)
    unsafe lane.rcvif = unsafe interface
    let flows = (UInt32(0)...).lazy.filter { self.workstream(ofFlow: $0, side) == target }.prefix(Int(BENCH_FLOWS))
    unsafe withUnsafeMutableBytes(of: &lane.flows) { field in
      let slots = unsafe field.bindMemory(to: UInt32.self)
      for (index, flow) in flows.enumerated() { unsafe slots[index] = flow }
    }
    switch side {
    case .baseline: unsafe lane.single = baseline_dispatch_src
    case .engine where form.isBatch: unsafe lane.batch = netisr_dispatch_batch
    case .engine: unsafe lane.single = netisr_dispatch_src
    }
    unsafe bench_lane_begin(&lane)
    return unsafe lane
  }

  /// Where a side's FLOW policy puts a flow.
  private func workstream(ofFlow flow: UInt32, _ side: Side) -> Int {
    switch side {
    case .baseline: Int(flow) % cpuCount
    case .engine: Int(netisr_default_flow2cpu(flow))
    }
  }

  /// One sample: ns per packet, in a closed loop without drops, after one warm-up round over all mbufs. nil when
  /// a packet was refused.
  func sample(_ form: Form, _ supply: Supply, _ side: Side, packets: Int) -> Double? {
    var lane = unsafe lane(
      form, supply == .allocated ? .free : .recycle, supply, side, target: form.crossesCores ? cpuCount - 1 : 0)
    guard unsafe bench_send(&lane, UInt64(Self.mbufCount)) >= 0,
      case let elapsed = unsafe bench_send(&lane, UInt64(packets)), elapsed >= 0
    else { return nil }
    return Double(elapsed) / Double(packets)
  }
}
