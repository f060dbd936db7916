/// What is measured, and how long.
public struct BenchPlan: Sendable {
  /// Samples of each side; at least 1.
  public var rounds = 9
  /// Packets of a sample.
  public var packets = 16 * Rig.mbufCount
  /// What is measured.
  public var forms = Form.allCases

  /// Everything, for figures that can be relied on.
  public init() {}
}

/// What came of it.
public struct BenchReport: Sendable, Encodable {
  /// Each form with each supply.
  public internal(set) var rows: [DispatchRow] = []

  /// A form's name, or one of the others.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  /// Under each form's name its row with shuffled mbufs, the one that a long-running host would see; all of them are
  /// in `rows`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for row in rows where row.supply == .shuffled {
      try container.encode(row, forKey: Key(stringValue: row.form.rawValue))
    }
    try container.encode(rows, forKey: Key(stringValue: "rows"))
  }
}

/// Measures the engine beside the original's design.
///
/// The handler does nothing but let go of the packet. The first measure is packets recycled: the sender cycles through
/// 32,768 mbufs, writes what a driver writes (length, flags, interface, flow id), and sends each again only when it was handled; the
/// handler marks it as handled, by a store into it, and counts in a cache line of its own thread. No packet is ever
/// dropped. Beside it stands the same with an mbuf allocated and freed for each packet.
public enum EngineBench {
  /// Runs a plan. Blocks. One at a time in a process, for the original's design has static tables.
  ///
  /// - Parameter progress: called with what is measured next, on another thread.
  public static func run(
    _ plan: BenchPlan, progress: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(BenchError) -> BenchReport {
    try Rig.use { rig throws(BenchError) in
      var report = BenchReport()
      for form in plan.forms {
        for supply in Supply.allCases {
          progress("\(form.rawValue), \(supply)")
          report.rows.append(try rig.measure(form, supply, plan))
        }
      }
      return report
    }
  }
}
