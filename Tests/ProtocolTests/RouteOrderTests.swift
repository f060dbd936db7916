import CNetISR
import NetISR
import TestSupport
import Testing

/// route: several routes of one prefix and metric, in the order that the kernel tells (`ip route append`, `prepend`).
@Suite struct RouteOrderTests {
  private let harness: Harness
  private let nl = RouteMessages()
  private static let prefix: [UInt8] = [10, 1, 0, 0]
  /// NLM_F_CREATE with NLM_F_EXCL, alone, and with NLM_F_APPEND: as the kernel says them of IPv4.
  private static let (added, prepended, appended, replaced) = (0x600, 0x400, 0xc00, 0x100)

  init() throws { harness = try Harness(plugins: ["route"]) }

  private func tell(
    _ station: UInt8, _ flags: Int = 0, type: Int = 24, metric: Int? = nil, family: UInt8 = 2
  ) {
    let (prefix, gateway) =
      family == 2
      ? (Self.prefix, [192, 0, 2, station])
      : ([0x20, 1] + [UInt8](repeating: 0, count: 14), [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [station])
    harness.input(
      NETISR_ROUTE,
      nl.route(
        type: type, family: family, prefix, prefix: 16, via: gateway, interface: Int(100 - station), metric: metric,
        flags: flags))
  }

  /// The last byte of the selected route's gateway.
  private func best(_ table: String = "inet") -> UInt8? {
    harness.engine.tableEntries(of: "route." + table, vnet: 0)?.first?.value[table == "inet" ? 3 : 15]
  }

  private func count(_ table: String) -> Int { harness.tableCount("route." + table) }

  @Test func whatIsAppendedComesLast() {
    tell(1, Self.added)
    for station in 2...5 as ClosedRange<UInt8> { tell(station, Self.appended) }
    var seen: [UInt8?] = []
    for _ in 1...5 {
      seen.append(best())
      tell(best() ?? 0, type: 25)
    }
    #expect(seen == [1, 2, 3, 4, 5] && best() == nil)
    #expect(count("routes") == 0)
  }

  @Test func whatIsPrependedComesFirst() {
    tell(3, Self.added)
    tell(2, Self.prepended)
    tell(1, Self.prepended)
    tell(4, Self.appended)
    // One that is told again stays where it is.
    tell(4, Self.prepended)
    tell(2, Self.appended)
    var seen: [UInt8?] = []
    for _ in 1...4 {
      seen.append(best())
      tell(best() ?? 0, type: 25)
    }
    #expect(seen == [1, 2, 3, 4])
  }

  /// A dump tells them in their order, without flags.
  @Test func aDumpIsInOrder() {
    for station in [7, 3, 9] as [UInt8] { tell(station, 2) }
    #expect(best() == 7)
    tell(7, type: 25)
    #expect(best() == 3)
  }

  /// `ip route replace` takes the place of the first one only, as the kernel does.
  @Test func aReplacementIsOfTheFirst() {
    tell(1, Self.added)
    tell(2, Self.appended)
    tell(3, Self.appended)
    tell(9, Self.replaced)
    #expect(best() == 9 && count("routes") == 3)
    tell(9, type: 25)
    #expect(best() == 2 && count("routes") == 2)
    // Of another metric nothing is replaced.
    tell(8, Self.replaced, metric: 5)
    #expect(best() == 2 && count("routes") == 3)
  }

  /// Who is left alone, and is joined by others again, is the first of them.
  @Test func theCountingBeginsAnew() {
    tell(1, Self.added)
    tell(2, Self.appended)
    tell(3, Self.appended)
    tell(1, type: 25)
    tell(2, type: 25)
    #expect(best() == 3 && count("shared") == 0)
    tell(4, Self.appended)
    #expect(best() == 3)
    tell(5, Self.prepended)
    #expect(best() == 5)
  }

  /// Of IPv6 each comes last, whatever the request was.
  @Test func ofIPv6() {
    tell(1, Self.added, metric: 1024, family: 10)
    tell(2, Self.prepended, metric: 1024, family: 10)
    tell(3, Self.appended, metric: 1024, family: 10)
    #expect(best("inet6") == 1)
    tell(1, type: 25, metric: 1024, family: 10)
    #expect(best("inet6") == 2)
    // In the place of all of a metric.
    tell(4, Self.replaced, metric: 1024, family: 10)
    #expect(best("inet6") == 4 && count("routes") == 1)
  }
}
