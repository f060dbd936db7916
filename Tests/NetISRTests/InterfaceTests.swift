import CNetISR
import Foundation
import NetISR
import TestSupport
import Testing

/// Interfaces, found by the numbers that the system gives them.
@Suite struct InterfaceTests {
  private func found(_ engine: Engine, _ systemIndex: UInt32, _ vnet: UInt32) -> UInt32? {
    engine.withAttachedThread { ifnet_bysysindex(systemIndex, vnet)?.pointee.if_index }
  }

  private static func setIndex(_ index: UInt32, of interface: UnsafeMutablePointer<ifnet>) {
    // As the host changes it: one store, which readers may see at any time.
    interface.pointee.if_sysindex = index
  }

  @Test func theyAreFoundByTheSystemsIndex() throws {
    let engine = Engine()
    let interfaces = (0..<200).map {
      engine.interfaces.make(name: "if\($0)", type: IFT_ETHER, vnet: UInt32($0 % 3))!
    }
    #expect(found(engine, 7, 0) == nil)
    for (number, interface) in interfaces.enumerated() {
      // By itself it has one that no device of the system has.
      let own = 0x4000_0000 | interface.pointee.if_index
      #expect(found(engine, own, UInt32(number % 3)) == interface.pointee.if_index)
      Self.setIndex(UInt32(1000 + number / 3), of: interface)
      #expect(found(engine, own, UInt32(number % 3)) == nil)
    }
    // The same number in three vnets; twice, by what is remembered and what is not.
    for _ in 0..<2 {
      for (number, interface) in interfaces.enumerated() {
        #expect(found(engine, UInt32(1000 + number / 3), UInt32(number % 3)) == interface.pointee.if_index)
      }
    }
    #expect(found(engine, 1000, 3) == nil && found(engine, 999, 0) == nil && found(engine, 0, 0) == nil)
  }

  /// Devices come and go, and get others' numbers.
  @Test func whatIsRememberedIsLookedAtAnew() throws {
    let engine = Engine()
    let (a, b) = (
      engine.interfaces.make(name: "a", type: IFT_ETHER)!, engine.interfaces.make(name: "b", type: IFT_ETHER)!
    )
    Self.setIndex(5, of: a)
    Self.setIndex(6, of: b)
    #expect(found(engine, 5, 0) == 1 && found(engine, 6, 0) == 2)
    Self.setIndex(6, of: a)
    Self.setIndex(5, of: b)
    #expect(found(engine, 5, 0) == 2 && found(engine, 6, 0) == 1)
    engine.interfaces.withdraw(b)
    #expect(found(engine, 5, 0) == nil)
    let c = engine.interfaces.make(name: "c", type: IFT_ETHER, isHidden: true)!
    Self.setIndex(5, of: c)
    #expect(found(engine, 5, 0) == nil)
    engine.interfaces.publish(c)
    #expect(found(engine, 5, 0) == 3)
    Self.setIndex(0, of: a)
    Self.setIndex(UInt32.max, of: c)
    #expect(found(engine, UInt32.max, 0) == 3 && found(engine, 0, 0) == 1)
  }

  /// Indices that are remembered in one place: each is found all the same, by many threads at once.
  @Test func byManyThreads() throws {
    let engine = Engine()
    let indices = (1...200_000 as ClosedRange<UInt32>).filter { ($0 &* 0x9e37_79b1) >> 20 == 7 }
    try #require(indices.count > 30)
    for (number, index) in indices.enumerated() {
      Self.setIndex(index, of: engine.interfaces.make(name: "if\(number)", type: IFT_ETHER)!)
    }
    let group = DispatchGroup()
    let wrong = Counted()
    for seed in 0..<4 {
      DispatchQueue.global().async(group: group) {
        engine.withAttachedThread {
          var random = SeededGenerator(seed: UInt64(seed))
          for _ in 0..<20_000 {
            let place = Int.random(in: 0..<indices.count, using: &random)
            let index = ifnet_bysysindex(indices[place], 0)?.pointee.if_index
            if index != UInt32(place + 1) { wrong.add() }
          }
        }
      }
    }
    group.wait()
    #expect(wrong.count == 0)
  }

  private final class Counted: @unchecked Sendable {
    private let lock = NSLock()
    private var number = 0
    var count: Int { lock.withLock { number } }
    func add() { lock.withLock { number += 1 } }
  }

  private func all(_ engine: Engine) -> [UInt32] {
    engine.withAttachedThread {
      var indices: [UInt32] = []
      while let interface = ifnet_next(indices.last ?? 0) { indices.append(interface.pointee.if_index) }
      return indices
    }
  }

  /// Each index is used once, however many there were; the limit is of those that there are.
  @Test func moreThanTheLimitComeAndGo() throws {
    let engine = Engine()
    let limit = InterfaceRegistry.limit
    let kept = engine.interfaces.make(name: "kept", type: IFT_ETHER)!
    for number in 0..<(3 * limit) {
      let interface = try #require(engine.interfaces.make(name: "if\(number)", type: IFT_ETHER, ownClock: true))
      #expect(interface.pointee.if_index == UInt32(number + 2) && interface.pointee.if_clock > 0)
      #expect(Int(interface.pointee.if_clock) <= limit)
      if number % 1000 == 0 { #expect(all(engine) == [1, interface.pointee.if_index]) }
      engine.interfaces.withdraw(interface)
      // Once more is nothing.
      engine.interfaces.withdraw(interface)
    }
    #expect(all(engine) == [1] && engine.interfaces.maxIndex == UInt32(3 * limit + 1))
    let full = (1..<limit).map { engine.interfaces.make(name: "if\($0)", type: IFT_ETHER)! }
    #expect(engine.interfaces.make(name: "more", type: IFT_ETHER) == nil)
    engine.interfaces.withdraw(kept)
    let last = try #require(engine.interfaces.make(name: "more", type: IFT_ETHER))
    #expect(all(engine) == (full + [last]).map(\.pointee.if_index))
    for interface in full.reversed() { engine.interfaces.withdraw(interface) }
    #expect(all(engine) == [last.pointee.if_index])
    engine.withAttachedThread {
      // From one that is gone, that was never given, and from the last.
      #expect(ifnet_next(full[5].pointee.if_index)?.pointee.if_index == last.pointee.if_index)
      #expect(ifnet_next(last.pointee.if_index) == nil && ifnet_next(.max) == nil)
      #expect(ifnet_byindex(.max) == nil && ifnet_byindex(0) == nil)
    }
  }

  /// Nobody finds what is hidden; and a clock that goes to another interface begins anew, while time on it has passed.
  @Test func aClockGoesToTheNext() throws {
    let engine = Engine()
    let first = engine.interfaces.make(name: "a", type: IFT_ETHER, ownClock: true)!
    let clock = first.pointee.if_clock
    engine.advanceClock(clock, to: 5_000_000_000)
    engine.advanceClock(clock, to: 9_000_000_000)
    engine.interfaces.withdraw(first)
    let hidden = engine.interfaces.make(name: "b", type: IFT_ETHER, ownClock: true, isHidden: true)!
    #expect(hidden.pointee.if_clock == clock && all(engine).isEmpty)
    engine.withAttachedThread { #expect(callout_time(clock) == 0) }
    engine.advanceClock(clock, to: 2_000_000_000)
    engine.withAttachedThread { #expect(callout_time(clock) == 2_000_000_000) }
    engine.interfaces.publish(hidden)
    #expect(all(engine) == [2])
  }

  /// Readers follow the list while interfaces come and go: those that stay are always found, once each, in order.
  @Test func whileTheyComeAndGo() throws {
    let engine = Engine()
    var stable: [UInt32] = []
    var passing: [UnsafeMutablePointer<ifnet>] = []
    for number in 0..<60 {
      let interface = engine.interfaces.make(name: "if\(number)", type: IFT_ETHER)!
      if number % 3 == 0 { stable.append(interface.pointee.if_index) } else { passing.append(interface) }
    }
    let wanted = stable
    let group = DispatchGroup()
    let wrong = Counted()
    let rounds = CPlugin.sanitizer == nil ? 4000 : 400
    for _ in 0..<3 {
      DispatchQueue.global().async(group: group) {
        for _ in 0..<rounds {
          let seen = self.all(engine)
          if seen != seen.sorted() || Set(seen).count != seen.count || !Set(seen).isSuperset(of: wanted) { wrong.add() }
        }
      }
    }
    for number in 0..<(4 * rounds) {
      engine.interfaces.withdraw(passing.removeFirst())
      passing.append(engine.interfaces.make(name: "new\(number)", type: IFT_ETHER)!)
    }
    group.wait()
    #expect(wrong.count == 0)
  }
}
