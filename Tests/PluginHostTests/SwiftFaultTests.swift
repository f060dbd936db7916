import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// What Swift's checks end a process for, and what goes past them.
private enum BrokenRule: String, CaseIterable, CustomTestStringConvertible {
  case arrayBounds = "sum = UInt8(truncatingIfNeeded: words[Int(first)])"
  case spanBounds = "sum = packet.bytes.unsafeLoad(fromByteOffset: Int(first) &* 1000, as: UInt8.self)"
  case overflow = "sum = first + 250"
  case emptyOptional = "sum = optional(first)!"
  case precondition = "precondition(first == 0)"
  case fatalError = "fatalError()"
  case conversion = "sum = UInt8(Int(first) * 1000)"
  case division = "sum = 1 / (first - first)"
  case nullPointer = "sum = unsafe wild(UInt(first) &- 0x11).pointee"
  case wildPointer = "unsafe wild(UInt(first) << 40).pointee = 1"
  case wildJump = "unsafe unsafeBitCast(UInt(first) << 8, to: (@convention(c) () -> Void).self)()"
  case endlessRecursion = "sum = recurse(first)"

  var testDescription: String { String(describing: self) }
}

/// A handler in Embedded Swift, protocol 12, "broken", that breaks a rule with packets that begin with `!`.
private func source(_ rule: BrokenRule) -> String {
  """
  import NetISRPlugin

  @section(".note.netisr") @used
  let abiNote: ABINote = (
    7, 52, 1, [0x4e, 0x65, 0x74, 0x49, 0x53, 0x52, 0, 0],
    magic: 0x4e49_5352, size: 52, abiMajor: 1, abiMinor: 2, handlerSize: 104, mbufSize: 256,
    proto: 12, stateVersion: 1, flags: 0, pluginVersion: 100,
    name: [0x62, 0x72, 0x6f, 0x6b, 0x65, 0x6e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]  // "broken"
  )
  nonisolated(unsafe) var sum: UInt8 = 0
  nonisolated(unsafe) var handled = Counter()

  @inline(never) func wild(_ address: UInt) -> UnsafeMutablePointer<UInt8> {
    unsafe UnsafeMutablePointer(bitPattern: address)!
  }

  nonisolated(unsafe) var isEndless = true

  @inline(never) func recurse(_ depth: UInt8) -> UInt8 {
    guard isEndless else { return depth }
    sum = sum &+ depth
    return recurse(depth &+ sum) / (sum | 1) &+ sum
  }

  @inline(never) func optional(_ first: UInt8) -> UInt8? { first == 0 ? 1 : nil }

  func input(_ packet: consuming Packet) {
    let words: InlineArray<4, UInt32> = [1, 2, 3, 4]
    let first = packet.bytes.byteCount > 0 ? packet.bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) : 0
    if first == 0x21 { \(rule.rawValue) }
    sum = sum &+ UInt8(truncatingIfNeeded: words[0])
    handled.add()
  }

  @c @implementation
  public func netisr_plugin_register(_ nhp: UnsafeMutablePointer<netisr_handler>!) -> Int32 {
    register { () throws(Errno) in
      handled = try Counter("broken.handled")
      nhp.pointee.serve("broken", number: 12, policy: NETISR_POLICY_SOURCE) { m in
        guard let m else { return }
        input(Packet(adopting: m))
      }
    }
  }
  """
}

/// A check of Swift's that fails in a handler is the plugin's end, and nobody else's.
@Suite(.serialized, .enabled(if: SwiftPlugin.obstacle == nil, "skipped: \(SwiftPlugin.obstacle ?? "")"))
struct SwiftFaultTests {
  private static func packet(_ first: Character) -> UnsafeMutablePointer<mbuf> {
    Harness.makeChain([first.asciiValue!] + [UInt8](repeating: 0, count: 15), split: [16])!
  }

  @Test(arguments: BrokenRule.allCases) fileprivate func theHostOutlivesIt(_ rule: BrokenRule) throws {
    try Fixtures.withTemporaryDirectory { folder in
      try SwiftPlugin.compile(source(rule), module: "broken", to: "\(folder)/broken.so")
      try CPlugin.compile(CPlugin.probe(build: 1), to: "\(folder)/probe.so")
      for dispatch in Dispatch.allCases where dispatch != .default {
        try withHost(dispatch: dispatch) { engine, host in
          try host.load("\(folder)/broken.so")
          try host.load("\(folder)/probe.so")
          engine.withAttachedThread {
            for _ in 0..<10 { #expect(netisr_dispatch(12, Self.packet(".")) == 0) }
            #expect(eventually { engine.isDrained })
            _ = netisr_dispatch(12, Self.packet("!"))
            #expect(eventually { host.list().first { $0.name == "broken" }?.state == .quarantined })
            for _ in 0..<100 { #expect(netisr_dispatch(11, Self.packet(".")) == 0) }
          }
          #expect(eventually { engine.isDrained })
          let balance = engine.conservation()
          #expect(balance.isBalanced && balance.handled == 110)
          #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 1"])
          let reason = host.list().first { $0.name == "broken" }?.reasons.first ?? ""
          #expect(reason.contains(rule == .endlessRecursion ? "stack overflow" : "SIG"), "\(reason)")
        }
      }
    }
  }
}
