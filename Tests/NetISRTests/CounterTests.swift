import CNetISR
import Glibc
import Testing

@testable import NetISR

@Suite struct CounterTests {
  let engine = Engine()

  @Test func definitionsAreStable() throws {
    try engine.withAttachedThread {
      let first = try engine.defineCounter("ip.total")
      let second = try engine.defineCounter("ip.badsum")
      #expect(first != 0 && second != first)
      var again: counter_t = 0
      #expect(counter_define("ip.total", &again) == 0 && again == first)
      counter_add(first, 3)
      counter_add(second, 1)
      counter_add(first, 4)
      #expect(counter_fetch(first) == 7 && counter_fetch(second) == 1)
      #expect(engine.counterValue(named: "ip.total") == 7 && engine.counterValue(named: "ip.none") == nil)
      #expect(engine.counterSnapshot().map { "\($0.group).\($0.name)=\($0.value)" } == ["ip.total=7", "ip.badsum=1"])
    }
  }

  @Test(arguments: [
    "", ".", "ip", "ip.", ".total", "ip.total.x", "IP.total", "ip.to tal", "ip.\u{e4}", "ip..x",
    String(repeating: "a", count: 60) + ".abc",
  ])
  func badNames(name: String) {
    engine.withAttachedThread {
      var counter: counter_t = 99
      #expect(counter_define(name, &counter) == EINVAL && counter == 0)
      #expect(throws: CounterError.badName(name)) { try engine.defineCounter(name) }
    }
  }

  @Test func limits() {
    engine.withAttachedThread {
      var counter: counter_t = 0
      #expect(counter_define(nil, &counter) == EINVAL && counter_define("a.b", nil) == EINVAL)
      for index in 1..<CounterRegistry.capacity {
        let number = try! engine.defineCounter("many.c\(index)")
        #expect(number == UInt32(index))
      }
      #expect(counter_define("many.more", &counter) == ENOSPC)
      #expect(counter_define("many.c7", &counter) == 0 && counter == 7)
      // Nobody looks at COUNTER_NONE; what is no counter is ignored.
      counter_add(0, 5)
      counter_add(4096, 5)
      counter_add(.max, 5)
      #expect(counter_fetch(0) == 0 && counter_fetch(4096) == 0 && counter_fetch(.max) == 0)
      #expect(engine.counterSnapshot().allSatisfy { $0.value == 0 })
    }
  }

  @Test func manyThreads() throws {
    let counter = try engine.defineCounter("test.adds")
    let other = try engine.defineCounter("test.others")
    runThreads(4) { index in
      engine.withAttachedThread {
        for round in 0..<20_000 {
          counter_add(counter, 1)
          if round % 10 == 0 { counter_add(other, UInt64(index)) }
          if round % 1000 == 0 { #expect(counter_fetch(counter) >= UInt64(round)) }
        }
      }
    }
    // What finished threads counted stays counted.
    #expect(engine.counterValue(named: "test.adds")! == 80_000)
    #expect(engine.counterValue(named: "test.others")! == 2000 * (0 + 1 + 2 + 3))
  }

  @Test func registrations() {
    let v1 = PluginIdentity(name: "ip", stateVersion: 1)
    var counter: counter_t = 0
    engine.withAttachedThread {
      #expect(engine.withRegistration(of: v1) { counter_define("icmp.echo", &counter) } == 0)
      #expect(engine.counterSnapshot().isEmpty)
      engine.abortRegistration(v1)
      #expect(engine.counterSnapshot().isEmpty && engine.counterValue(named: "icmp.echo") == nil)
      var second: counter_t = 0
      _ = engine.withRegistration(of: v1) { counter_define("icmp.echo", &second) }
      _ = engine.commitRegistration(v1)
      #expect(second == counter)
      counter_add(counter, 2)
      // The next generation goes on counting, whatever its state version.
      let v2 = PluginIdentity(name: "ip", stateVersion: 2)
      _ = engine.withRegistration(of: v2) { counter_define("icmp.echo", &second) }
      #expect(engine.counterSnapshot() == [CounterValue(group: "icmp", name: "echo", owner: "ip", value: 2)])
      engine.abortRegistration(v2)
      #expect(engine.counterValue(named: "icmp.echo") == 2)
    }
  }
}
