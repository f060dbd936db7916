import CNetISR
import NetISR

extension ExplainStep {
  /// A step in the words of the protocols' names.
  init(_ step: PacketStep, names: ProtocolNames, workstreams: Int) {
    name = names[step.proto]
    proto = step.proto
    via = step.via.map { names[$0] }
    policy = step.policy?.name
    dispatch = step.dispatch?.name
    switch step.outcome {
    case .atOnce: outcome = "at-once"
    case .queued: outcome = "queued"
    case .dropped(let cause):
      outcome = "dropped"
      reason = String(describing: cause)
    }
    interface = step.interfaceName
    interfaceIndex = step.interfaceIndex
    source = step.source.map(UInt64.init)
    flow = step.flow.map { flow in
      Flow(
        id: flow.id, hashType: Self.hashName(flow.hashType), from: step.arrivedFlow == nil ? "nh_m2flow" : "packet")
    }
    wantedCPU = step.wantedCPU.flatMap { $0 == UInt32.max ? nil : $0 }
    workstream = step.workstream
    cpu = step.cpu
    why = Self.why(step, names, workstreams)
  }

  private static func why(_ step: PacketStep, _ names: ProtocolNames, _ count: Int) -> String {
    if case .dropped(let reason) = step.outcome { return dropped(step, reason) }
    var parts: [String] = []
    if let workstream = step.workstream {
      parts.append(count == 1 ? "there is one workstream" : placement(step, count, workstream))
    }
    switch (step.outcome, step.dispatch) {
    case (.atOnce, _) where step.workstream == nil:
      parts.append("direct dispatch selects no workstream: handled at once, on the sender's thread")
    case (.atOnce, _): parts.append("hybrid dispatch, and it is the sender's own: handled at once")
    case (_, .hybrid) where step.workstream != nil:
      parts.append("hybrid dispatch, and it is not the sender's, or was busy: queued")
    default: break
    }
    return parts.joined(separator: "; ")
  }

  /// The rule that was applied, with what it was applied to.
  private static func placement(_ step: PacketStep, _ count: Int, _ workstream: Int) -> String {
    let result = "% \(count) = \(workstream)"
    if let wanted = step.wantedCPU {
      guard wanted == UInt32.max else { return "nh_m2cpuid said CPU \(wanted), \(result)" }
      guard step.outcome == .atOnce else { return "nh_m2cpuid had no preference, so \(bySource(step)) \(result)" }
      return "nh_m2cpuid had no preference, so the sender's own"
    }
    if step.policy == .flow {
      guard let flow = step.flow else { return "no flow id, so \(bySource(step)) \(result)" }
      let origin = step.arrivedFlow == nil ? "by nh_m2flow" : "came with the packet"
      return "flow \(flow.id) (\(hashName(flow.hashType)), \(origin)) \(result)"
    }
    return "\(bySource(step)) \(result)"
  }

  private static func bySource(_ step: PacketStep) -> String {
    let interface = step.interfaceName.map { "interface \(step.interfaceIndex) (\($0))" } ?? "no interface (0)"
    return "(\(interface) + source \(step.source ?? 0))"
  }

  private static func dropped(_ step: PacketStep, _ reason: DropReason) -> String {
    switch reason {
    case .qlimit: "the queue was full"
    case .noproto: "nobody serves protocol \(step.proto)"
    case .vnet: "the protocol is disabled in the interface's vnet"
    case .policy: step.policy == .cpu ? "nh_m2cpuid kept it" : "nh_m2flow kept it"
    case .purged: "the protocol went while it was queued"
    case .nombuf: "there was no memory"
    case .fault: "the protocol's code faulted, now or before"
    @unknown default: String(describing: reason)
    }
  }

  /// M_HASHTYPE_..., as words.
  static func hashName(_ type: UInt8) -> String {
    switch Int32(type) {
    case M_HASHTYPE_RSS_IPV4: "rss-ipv4"
    case M_HASHTYPE_RSS_TCP_IPV4: "rss-tcp-ipv4"
    case M_HASHTYPE_RSS_UDP_IPV4: "rss-udp-ipv4"
    case M_HASHTYPE_RSS_IPV6: "rss-ipv6"
    case M_HASHTYPE_RSS_TCP_IPV6: "rss-tcp-ipv6"
    case M_HASHTYPE_RSS_UDP_IPV6: "rss-udp-ipv6"
    case M_HASHTYPE_OPAQUE: "opaque"
    default: "type \(type)"
    }
  }
}
