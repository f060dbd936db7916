import CNetISR
import Foundation
import NetISR
import Testing
import TestSupport

/// The engine, driven by hand, against recorded executions of the original netisr: every return code, every event and
/// every figure, step for step. The recording is not part of the project: set NETISR_VECTORS to its path.
@Suite struct VectorTests {
  static let path =
    ProcessInfo.processInfo.environment["NETISR_VECTORS"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../shared/vectors/netisr.jsonl").standardized.path

  @Test(.enabled(if: FileManager.default.fileExists(atPath: path), "no vectors at \(path): set NETISR_VECTORS"))
  func scenariosAgreeStepForStep() throws {
    let text = try String(contentsOfFile: Self.path, encoding: .utf8)
    var scenarios = 0
    var steps = 0
    for line in text.split(separator: "\n") {
      let scenario = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let name = try #require(scenario["scenario"] as? String)
      let all = try #require(scenario["steps"] as? [[String: Any]])
      let player = VectorPlayer()
      for (index, step) in all.enumerated() {
        let expected = try #require(step["expect"] as? [String: Any])
        let found = try player.play(step)
        for (key, value) in expected {
          let got = found[key].map { String(describing: canonical($0)) } ?? "nothing"
          let want = String(describing: canonical(value))
          guard got == want else {
            Issue.record("\(name) step \(index) \(step): \(key): expected \(want), found \(got)")
            return
          }
        }
        steps += 1
      }
      player.finish()
      scenarios += 1
    }
    #expect(scenarios > 0)
    print("vectors: \(scenarios) scenarios, \(steps) steps agree")
  }

  /// JSON values compare by their text: numbers as integers, dictionaries sorted.
  private func canonical(_ value: Any) -> Any {
    switch value {
    case let array as [Any]: array.map(canonical)
    case let object as [String: Any]:
      object.sorted { $0.key < $1.key }.map { "\($0.key)=\(canonical($0.value))" }
    case let number as NSNumber: number.int64Value
    case let number as any BinaryInteger: Int64(number)
    default: value
    }
  }
}

/// Plays the steps of one scenario on an engine of its own.
private final class VectorPlayer {
  struct Packet {
    let hint: Int
    let tag: Int
    var then: (call: String, proto: UInt32)?
  }

  private var engine: Engine!
  private var interfaces: [UnsafeMutablePointer<ifnet>] = []
  private var packets: [UInt64: Packet] = [:]
  private var events: [String] = []

  func play(_ step: [String: Any]) throws -> [String: Any] {
    events = []
    func int(_ key: String) -> Int { (step[key] as? Int) ?? 0 }
    func word(_ key: String) -> String { (step[key] as? String) ?? "" }
    let proto = UInt32(int("proto"))
    var rc = "OK"
    func attempt(_ body: () throws -> Void) {
      do { try body() } catch let error as EngineError { rc = Self.name(error.code) } catch { rc = "\(error)" }
    }
    switch word("op") {
    case "config":
      return configure(step)
    case "register":
      attempt { try register(step) }
      return ["qlimit": try engine.queueLimit(of: proto), "rc": rc]
    case "unregister":
      attempt { try engine.unregister(proto) }
    case "register_vnet":
      attempt { try engine.registerVnet(proto, int("vnet")) }
    case "unregister_vnet":
      attempt { try engine.unregisterVnet(proto, int("vnet")) }
    case "queue", "dispatch":
      let packet = step["packet"] as! [String: Any]
      engine.withAttachedThread(cpu: UInt32(int("cpu"))) {
        let m = make(packet)
        let source = UInt(int("source"))
        rc = Self.name(
          word("op") == "queue" ? netisr_queue_src(proto, source, m) : netisr_dispatch_src(proto, source, m))
      }
    case "run":
      engine.runWorker(int("cpu"))
    case "setqlimit":
      attempt { try engine.setQueueLimit(of: proto, to: int("qlimit")) }
    case "getqlimit":
      return ["qlimit": try engine.queueLimit(of: proto)]
    case "getqdrops":
      return ["qdrops": try engine.queueDrops(of: proto)]
    case "clearqdrops":
      attempt { try engine.clearQueueDrops(of: proto) }
    case "set_dispatch":
      attempt { try engine.setDispatchPolicy(named: word("policy")) }
    case "flow2cpu":
      return engine.withAttachedThread {
        let flow = UInt32(int("flowid"))
        return [
          "flow2cpu": netisr_default_flow2cpu(flow), "cpuid": netisr_get_cpuid(flow), "count": netisr_get_cpucount(),
        ]
      }
    case "stats":
      return ["work": work()]
    case let other:
      Issue.record("a step that this test does not know: \(other)")
    }
    return ["rc": rc, "events": events]
  }

  /// Nothing of the scenario is left: every packet is back in the pool once the queues are purged.
  func finish() {
    for proto in engine.protocolStatistics() { try? engine.unregister(proto.proto) }
    let statistics = engine.mbufStatistics
    #expect(statistics.mbufs.inFlight == 0)
    #expect(engine.conservation().isBalanced)
  }

  private func configure(_ step: [String: Any]) -> [String: Any] {
    func int(_ key: String) -> Int { step[key] as! Int }
    var configuration = Engine.Configuration(
      cpuCount: int("ncpus"), maxThreads: int("maxthreads"), dispatch: Dispatch(named: step["dispatch"] as! String)!,
      defaultQueueLimit: int("defaultqlimit"), maxQueueLimit: int("maxqlimit"))
    configuration.ordersPolicyChanges = false
    engine = Engine(configuration)
    // Interface i is in vnet i mod vnets; there is no interface 0, whose packets come from none.
    for index in 1...64 {
      interfaces.append(
        engine.interfaces.make(name: "if\(index)", type: IFT_ETHER, vnet: UInt32(index % int("vnets")))!)
    }
    engine.onDrop = { [unowned self] m, _ in self.events.append("free id=\(Self.id(m))") }
    return ["numthreads": engine.workerCount, "defaultqlimit": engine.configuration.defaultQueueLimit]
  }

  private func register(_ step: [String: Any]) throws {
    let proto = step["proto"] as! Int
    func has(_ key: String) -> Bool { step[key] as! Bool }
    let policies: [String: Policy] = ["source": .source, "flow": .flow, "cpu": .cpu]
    var handler = TestHandler { [unowned self] m in
      self.events.append("handle proto=\(proto) id=\(Self.id(m)) cpu=\(Engine.current!.cpu)")
      self.handle(m)
    }
    if has("m2flow") {
      handler.m2flow = { [unowned self] m in
        let id = Self.id(m)
        self.events.append("m2flow id=\(id)")
        let hint = self.packets[id]!.hint
        if hint < 0 {
          self.free(m)
          return nil
        }
        if hint > 0 {
          m.pointee.m_pkthdr.flowid = UInt32(hint)
          m.pointee.m_pkthdr.rsstype = 2
        }
        return m
      }
    }
    if has("m2cpuid") {
      handler.m2cpuid = { [unowned self] m in
        let id = Self.id(m)
        self.events.append("m2cpuid id=\(id)")
        if self.packets[id]!.hint < 0 {
          self.free(m)
          return nil
        }
        return (m, UInt32(truncatingIfNeeded: self.packets[id]!.tag))
      }
    }
    if has("drainedcpu") {
      handler.drained = { [unowned self] cpu in self.events.append("drained proto=\(proto) cpu=\(cpu)") }
    }
    try engine.register(
      Int32(proto), named: step["name"] as! String, policy: policies[step["policy"] as! String]!,
      dispatch: Dispatch(named: step["dispatch"] as! String)!, queueLimit: UInt32(step["qlimit"] as! Int), handler)
  }

  private func handle(_ m: UnsafeMutablePointer<mbuf>) {
    let id = Self.id(m)
    guard let then = packets[id]!.then else { return free(m) }
    packets[id]!.then = nil
    let source = UInt(bitPattern: packets[id]!.tag)
    events.append("re\(then.call){")
    let rc =
      then.call == "queue" ? netisr_queue_src(then.proto, source, m) : netisr_dispatch_src(then.proto, source, m)
    events.append("}\(Self.name(rc))")
  }

  private func free(_ m: UnsafeMutablePointer<mbuf>) {
    events.append("free id=\(Self.id(m))")
    m_freem(m)
  }

  private func make(_ packet: [String: Any]) -> UnsafeMutablePointer<mbuf> {
    func int(_ key: String) -> Int { packet[key] as! Int }
    let m = m_gethdr(M_NOWAIT, MT_DATA)!
    let index = int("ifindex")
    m.pointee.m_pkthdr.rcvif = index > 0 ? interfaces[index - 1] : nil
    m.pointee.m_pkthdr.rsstype = UInt8(int("hashtype"))
    m.pointee.m_pkthdr.flowid = UInt32(int("flowid"))
    m.pointee.m_pkthdr.ph_loc.0 = UInt64(int("id"))
    let then = packet["then"] as? [String: Any]
    packets[UInt64(int("id"))] = Packet(
      hint: int("hint"), tag: int("tag"), then: then.map { ($0["call"] as! String, UInt32($0["proto"] as! Int)) })
    return m
  }

  private func work() -> [[String: Any]] {
    engine.workstreamStatistics().flatMap { stream in
      stream.work.map { work in
        [
          "wsid": stream.wsid, "proto": Int(work.proto), "len": work.len, "watermark": work.watermark,
          "dispatched": work.dispatched, "hybrid_dispatched": work.hybridDispatched, "qdrops": work.qdrops,
          "queued": work.queued, "handled": work.handled,
        ]
      }
    }
  }

  private static func id(_ m: UnsafeMutablePointer<mbuf>) -> UInt64 { m.pointee.m_pkthdr.ph_loc.0 }

  private static func name(_ code: Int32) -> String {
    switch code {
    case 0: "OK"
    case ENOBUFS: "ENOBUFS"
    case ENOPROTOOPT: "ENOPROTOOPT"
    case EINVAL: "EINVAL"
    default: "errno \(code)"
    }
  }
}
