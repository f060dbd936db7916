import CNetISR
import Foundation
import NetISR
import Testing
import TestSupport

/// Callouts of engines that are driven by hand: what is called, when and in which order is certain.
@Suite struct CalloutTests {
  static let millisecond: UInt64 = 1_000_000
  /// The manual clock begins here.
  static let start: UInt64 = 1_000_000_000_000

  /// Notes who is called, and when; as a callout's argument.
  final class Book {
    var names: [Int] = []
    var times: [UInt64] = []
    var cpus: [UInt32] = []
    var onCall: ((Int) -> Void)?
  }

  /// A callout, and what it writes into a book.
  final class Entry {
    let c = UnsafeMutablePointer<callout>.allocate(capacity: 1)
    let name: Int
    let book: Book

    init(_ name: Int, _ book: Book, clock: UInt32 = 0) {
      self.name = name
      self.book = book
      callout_init(c, clock)
    }

    deinit { c.deallocate() }

    @discardableResult
    func reset(_ ns: UInt64, on cpu: UInt32? = nil) -> Int32 {
      let argument = Unmanaged.passUnretained(self).toOpaque()
      guard let cpu else { return callout_reset(c, ns, note, argument) }
      return callout_reset_on(c, ns, note, argument, cpu)
    }
  }

  static func engine(cpus: Int = 1) -> Engine {
    var configuration = Engine.Configuration(cpuCount: cpus)
    configuration.hasManualTime = true
    let engine = Engine(configuration)
    engine.advanceClock(0, to: start)
    return engine
  }

  /// Moves the host's clock to some milliseconds after the start, and calls what is due.
  static func pass(_ engine: Engine, _ milliseconds: UInt64) {
    engine.advanceClock(0, to: start + milliseconds * millisecond)
    engine.runCallouts()
  }

  @Test func callsInTheOrderOfDeadlinesAndOfArms() {
    let engine = Self.engine()
    let book = Book()
    let delays: [UInt64] = [30, 10, 20, 10, 0]
    let entries = delays.indices.map { Entry($0, book) }
    engine.withAttachedThread {
      for (entry, delay) in zip(entries, delays) { #expect(entry.reset(delay * Self.millisecond) == 0) }
      #expect(entries.allSatisfy { callout_pending($0.c) == 1 && callout_active($0.c) == 1 })
    }
    Self.pass(engine, 9)
    #expect(book.names == [4])
    Self.pass(engine, 20)
    #expect(book.names == [4, 1, 3, 2])
    Self.pass(engine, 29)
    #expect(book.names == [4, 1, 3, 2])
    Self.pass(engine, 5_000)
    #expect(book.names == [4, 1, 3, 2, 0])
    engine.withAttachedThread {
      #expect(entries.allSatisfy { callout_pending($0.c) == 0 && callout_active($0.c) == 1 })
      callout_deactivate(entries[0].c)
      #expect(callout_active(entries[0].c) == 0)
    }
    Self.pass(engine, 100_000)
    #expect(book.names.count == 5, "once each")
  }

  @Test func stoppingAndPuttingOff() {
    let engine = Self.engine()
    let book = Book()
    let (a, b) = (Entry(1, book), Entry(2, book))
    engine.withAttachedThread {
      #expect(callout_stop(a.c) == -1)
      a.reset(10 * Self.millisecond)
      b.reset(10 * Self.millisecond)
      #expect(callout_stop(a.c) == 1)
      #expect(callout_pending(a.c) == 0 && callout_active(a.c) == 0)
      #expect(callout_stop(a.c) == -1)
      #expect(b.reset(20 * Self.millisecond) == 1, "it was pending")
      #expect(callout_drain(a.c) == -1)
    }
    Self.pass(engine, 19)
    #expect(book.names == [])
    Self.pass(engine, 20)
    #expect(book.names == [2])
    engine.withAttachedThread { #expect(callout_stop(b.c) == -1) }
  }

  @Test func aFunctionMayArmItselfAndOthers() {
    let engine = Self.engine()
    let book = Book()
    let (a, b) = (Entry(1, book), Entry(2, book))
    var results: [Int32] = []
    defer { book.onCall = nil }  // It holds the entries, and they hold the book.
    book.onCall = { name in
      guard name == 1 else { return }
      results.append(callout_stop(a.c))
      results.append(callout_drain(a.c))
      a.reset(10 * Self.millisecond)
      b.reset(0)
    }
    engine.withAttachedThread { _ = a.reset(10 * Self.millisecond) }
    Self.pass(engine, 10)
    #expect(book.names == [1], "what is armed in a round waits for the next")
    #expect(results == [0, EDEADLK], "it is being called")
    engine.runCallouts()
    #expect(book.names == [1, 2])
    Self.pass(engine, 20)
    engine.runCallouts()
    #expect(book.names == [1, 2, 1, 2])
    // Late by three periods: one call, not three.
    Self.pass(engine, 60)
    engine.runCallouts()
    #expect(book.names == [1, 2, 1, 2, 1, 2])
  }

  @Test func aWorkerRunsThemWithoutPackets() {
    let engine = Self.engine(cpus: 2)
    let book = Book()
    let entries = (0..<4).map { Entry($0, book) }
    engine.withAttachedThread(cpu: 1) {
      entries[0].reset(Self.millisecond)
      for index in 1..<4 { entries[index].reset(Self.millisecond, on: UInt32(index)) }
    }
    #expect(!engine.runWorker(0) && !engine.runWorker(1))
    engine.advanceClock(0, to: Self.start + Self.millisecond)
    #expect(engine.runWorker(0) && engine.runWorker(1))
    #expect(book.names == [2, 0, 1, 3])
    #expect(book.cpus == [0, 1, 1, 1], "on the caller's CPU, or the one that was chosen")
    #expect(!engine.runWorker(0) && !engine.runWorker(1))
  }

  @Test func theyMoveWithTheirWorkstream() throws {
    let engine = Self.engine(cpus: 4)
    let book = Book()
    let entries = (0..<8).map { Entry($0, book) }
    engine.withAttachedThread {
      for (index, entry) in entries.enumerated() {
        entry.reset(UInt64(8 - index) * Self.millisecond, on: UInt32(index % 4))
      }
    }
    try engine.setWorkerCount(2)
    Self.pass(engine, 100)
    // Workstream 0 has queues 0 and 2, workstream 1 has 1 and 3; each in the order of its deadlines.
    #expect(book.names == [4, 0, 6, 2, 5, 1, 7, 3])
    #expect(book.cpus == [0, 0, 0, 0, 1, 1, 1, 1])
    engine.withAttachedThread { #expect(callout_stop(entries[0].c) == -1) }
  }

  @Test func aCapturesTimeIsItsOwn() {
    let engine = Self.engine()
    let book = Book()
    let (host, capture, other) = (Entry(0, book), Entry(7, book, clock: 7), Entry(8, book, clock: 8))
    engine.advanceClock(7, to: 500)
    engine.withAttachedThread {
      #expect(callout_time(7) == 500 && callout_time(8) == 0 && callout_time(0) == Self.start)
      #expect(netisr_time() == Self.start)
      for entry in [host, capture, other] { entry.reset(100) }
    }
    #expect(engine.isDrained)
    Self.pass(engine, 0)
    #expect(book.names == [])
    engine.advanceClock(7, to: 599)
    engine.runCallouts()
    #expect(book.names == [])
    engine.advanceClock(7, to: 600)
    #expect(!engine.isDrained, "one is due")
    engine.runCallouts()
    #expect(book.names == [7] && engine.isDrained)
    Self.pass(engine, 1)
    #expect(book.names == [7, 0])
    // A clock's first time is a beginning, and packets may be out of order.
    engine.advanceClock(8, to: 1_000_000)
    engine.advanceClock(8, to: 999_990)
    engine.advanceClock(8, to: 1_000_099)
    engine.runCallouts()
    #expect(book.names == [7, 0])
    engine.advanceClock(8, to: 1_000_100)
    engine.runCallouts()
    #expect(book.names == [7, 0, 8])
  }

  @Test func aClockThatBeginsAnewKeepsWhatIsLeft() {
    let engine = Self.engine()
    let book = Book()
    let entry = Entry(1, book, clock: 3)
    engine.advanceClock(3, to: 3_600_000_000_000)
    engine.withAttachedThread { _ = entry.reset(100) }
    engine.advanceClock(3, to: 3_600_000_000_040)
    engine.advanceClock(3, to: 1_000)
    engine.advanceClock(3, to: 1_059)
    engine.runCallouts()
    #expect(book.names == [])
    engine.advanceClock(3, to: 1_060)
    engine.runCallouts()
    #expect(book.names == [1])
  }

  @Test func thereIsABound() {
    let engine = Self.engine()
    let book = Book()
    let entry = Entry(1, book)
    var copies: [callout] = []
    engine.withAttachedThread {
      for _ in 0..<Int(CALLOUT_MAX) {
        // The caller's part may be thrown away: the host keeps the callout.
        var c = callout()
        #expect(callout_reset(&c, UInt64.max, note, Unmanaged.passUnretained(entry).toOpaque()) == 0)
        copies.append(c)
      }
      #expect(entry.reset(1) == -1 && callout_active(entry.c) == 0)
      var copy = copies[1000]
      #expect(callout_stop(&copy) == 1)
      #expect(entry.reset(1) == 0)
      #expect(entry.reset(2) == -1, "it can't be put off without room")
      #expect(callout_pending(entry.c) == 1, "and stays as it was")
    }
    Self.pass(engine, 1)
    #expect(book.names == [1])
  }

  @Test func wrongArgumentsChangeNothing() {
    let engine = Self.engine()
    let entry = Entry(1, Book(), clock: UInt32(InterfaceRegistry.limit) + 1)
    engine.withAttachedThread {
      #expect(entry.reset(1) == -1)
      #expect(callout_reset(entry.c, 1, nil, nil) == -1 && callout_reset(nil, 1, note, nil) == -1)
      #expect(callout_stop(nil) == -1 && callout_pending(nil) == 0 && callout_active(nil) == 0)
      #expect(callout_time(.max) == 0)
      #expect(ifnet_watch(note, nil) == EINVAL, "only during registration")
      // Any bytes whatever.
      var random = SystemRandomNumberGenerator()
      for _ in 0..<10_000 {
        var c = callout(c_id: random.next(), c_clock: 0, c_flags: random.next())
        #expect(callout_pending(&c) == 0 && callout_stop(&c) == -1)
      }
    }
  }

  /// Against a model: a list that is searched.
  @Test func agreesWithAModel() {
    let engine = Self.engine()
    let book = Book()
    let entries = (0..<200).map { Entry($0, book) }
    var model: [Int: (deadline: UInt64, arm: Int)] = [:]
    var random = SeededGenerator(seed: 42)
    var wanted: [Int] = []
    var now: UInt64 = 0
    for step in 0..<20_000 {
      let name = Int.random(in: entries.indices, using: &random)
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<5:
        let delay = UInt64.random(in: 1...500, using: &random)
        let result = engine.withAttachedThread { entries[name].reset(delay * Self.millisecond) }
        #expect(result == (model[name] == nil ? 0 : 1))
        model[name] = (now + delay, step)
      case 5:
        let result = engine.withAttachedThread { callout_stop(entries[name].c) }
        #expect(result == (model.removeValue(forKey: name) == nil ? -1 : 1))
      default:
        now += UInt64.random(in: 0...10, using: &random)
        Self.pass(engine, now)
        let due = model.filter { $0.value.deadline <= now }
          .sorted { ($0.value.deadline, $0.value.arm) < ($1.value.deadline, $1.value.arm) }
        for (name, _) in due {
          wanted.append(name)
          model[name] = nil
        }
      }
    }
    #expect(wanted.count > 1000 && book.names == wanted)
  }
}

/// A callout of `CalloutTests`.
private func note(_ argument: UnsafeMutableRawPointer?) {
  let entry = Unmanaged<CalloutTests.Entry>.fromOpaque(argument!).takeUnretainedValue()
  entry.book.names.append(entry.name)
  entry.book.times.append(netisr_time())
  entry.book.cpus.append(Engine.current!.cpu)
  entry.book.onCall?(entry.name)
}
