import CEngineBench
import NetISR

/// Packet memory taken and given back, by 32.
public struct MemoryRow: Sendable, Encodable {
  /// What is allocated.
  public enum Kind: UInt32, CaseIterable, Sendable {
    /// An mbuf of 256 bytes: m_gethdr, m_freem.
    case mbuf
    /// An mbuf with a cluster of 2,048 bytes: m_getcl, m_freem.
    case cluster
    /// 2,048 bytes of the C library, for comparison: malloc, free.
    case malloc
  }

  /// What is allocated: `mbuf`, `cluster`, `malloc`.
  public var kind: String
  /// ns for one, taken and given back on the same thread.
  public var same: Figure
  /// ns for one, taken on one CPU and given back on another, by way of a ring of pointers; nil on a machine with one.
  public var across: Figure?
  /// How far the CPUs were from each other.
  public var regime: Regime
}

extension Rig {
  func measureMemory(_ plan: BenchPlan) throws(BenchError) -> [MemoryRow] {
    let objects = UInt64(plan.packets)
    let kinds = MemoryRow.Kind.allCases
    let same = try compare(
      rounds: plan.rounds, across: false,
      kinds.map { kind in { Self.perObject(bench_allocate(kind.rawValue, objects), objects) } })
    var across: Comparison?
    if cpuCount > 1 {
      across = try compare(
        rounds: plan.rounds, across: true, kinds.map { kind in { self.pass(kind, objects) } })
    }
    return kinds.enumerated().map { index, kind in
      MemoryRow(
        kind: "\(kind)", same: Figure(same.sides[index]), across: across.map { Figure($0.sides[index]) },
        regime: across?.regime ?? .local)
    }
  }

  private static func perObject(_ elapsed: Int64, _ objects: UInt64) -> Double? {
    elapsed < 0 ? nil : Double(elapsed) / Double(objects)
  }

  /// Allocates here, and frees on a thread on the last CPU.
  private func pass(_ kind: MemoryRow.Kind, _ objects: UInt64) -> Double? {
    guard let pipe = unsafe bench_pipe_make() else { return nil }
    defer { unsafe bench_pipe_destroy(pipe) }
    let end = UInt(bitPattern: pipe)
    let thread = NetISR.Thread(name: "freeing") { [engine, cpus] in
      _ = NetISR.Thread.bindCurrent(to: [cpus[cpus.count - 1]])
      // The pipe lives until this thread was joined.
      engine.withAttachedThread(cpu: UInt32(cpus.count - 1)) {
        unsafe bench_pipe_free(OpaquePointer(bitPattern: end), kind.rawValue, objects)
      }
    }
    defer { thread.join() }
    return unsafe Self.perObject(bench_pipe_allocate(pipe, kind.rawValue, objects), objects)
  }
}
