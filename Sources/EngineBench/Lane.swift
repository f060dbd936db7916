import CBaseline
import CEngineBench
import CNetISR

/// Who is measured.
enum Side {
  case baseline, engine
}

extension Rig {
  /// One sample: ns per packet, in a closed loop without drops, after one warm-up round over all mbufs. nil when
  /// a packet was refused.
  func sample(_ form: Form, _ supply: Supply, _ side: Side, packets: Int) -> Double? {
    var lane = unsafe bench_lane()
    unsafe lane.ring = unsafe ring(supply)
    unsafe lane.count = UInt64(Self.mbufCount)
    unsafe lane.proto = Self.number(form, supply == .allocated ? .free : .recycle)
    unsafe lane.rcvif = unsafe interface
    let target = form.crossesCores ? UInt32(cpuCount - 1) : 0
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
    guard unsafe bench_send(&lane, UInt64(Self.mbufCount)) >= 0,
      case let elapsed = unsafe bench_send(&lane, UInt64(packets)), elapsed >= 0
    else { return nil }
    return Double(elapsed) / Double(packets)
  }

  /// Where a side's FLOW policy puts a flow.
  private func workstream(ofFlow flow: UInt32, _ side: Side) -> UInt32 {
    switch side {
    case .baseline: flow % UInt32(cpuCount)
    case .engine: netisr_default_flow2cpu(flow)
    }
  }
}
