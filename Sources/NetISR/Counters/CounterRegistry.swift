import Synchronization

/// Why a counter could not be defined.
public enum CounterError: Error, Equatable, CustomStringConvertible {
  /// The name is not `group.name`, of at most 63 bytes, with `[a-z0-9_-]` on both sides of one dot.
  case badName(String)
  /// All of the host's counters are in use.
  case tooMany(limit: Int)

  /// What was expected, and what was found.
  public var description: String {
    switch self {
    case .badName(let name):
      "\"\(name)\" is no counter's name: expected group.name, at most 63 bytes, [a-z0-9_-] on both sides of one dot"
    case .tooMany(let limit):
      "all \(limit) counters are in use"
    }
  }
}

/// The names of an engine's counters. Their values lie in the threads' records: see `ThreadContext.counters`.
///
/// A name keeps its number as long as the engine lives, so that a counter goes on counting over reloads. What a
/// registration that failed has defined is not listed, until someone defines it again.
final class CounterRegistry: @unchecked Sendable {
  /// Counters an engine can have, with COUNTER_NONE.
  static let capacity = 4096

  private struct Definition {
    var group: String
    var name: String
    /// The plugin that defined it first, nil for the host.
    var owner: String?
    var isListed: Bool
  }

  private let lock = Lock()
  // Under the lock. Number 0 is COUNTER_NONE, to which nobody looks.
  private var definitions = [Definition(group: "", name: "", owner: nil, isListed: false)]
  private var numbers: [String: UInt32] = [:]
  private var pending: [String: Set<UInt32>] = [:]

  /// Finds or makes a counter. One that is made on behalf of a plugin is listed after `commit`.
  func define(_ fullName: String, owner: String?) throws(CounterError) -> UInt32 {
    guard let (group, name) = splitName(fullName) else { throw .badName(fullName) }
    let number: UInt32? = lock.withLock {
      let number: UInt32
      if let known = numbers[fullName] {
        number = known
      } else {
        guard definitions.count < Self.capacity else { return nil }
        number = UInt32(definitions.count)
        definitions.append(Definition(group: group, name: name, owner: owner, isListed: false))
        numbers[fullName] = number
      }
      if let owner, !definitions[Int(number)].isListed {
        pending[owner, default: []].insert(number)
      } else {
        definitions[Int(number)].isListed = true
      }
      return number
    }
    guard let number else { throw .tooMany(limit: Self.capacity - 1) }
    return number
  }

  /// The owner's registration succeeded: lists what it defined.
  func commit(owner: String) {
    lock.withLock {
      for number in pending.removeValue(forKey: owner) ?? [] { definitions[Int(number)].isListed = true }
    }
  }

  /// The owner's registration failed.
  func abort(owner: String) {
    lock.withLock { _ = pending.removeValue(forKey: owner) }
  }

  /// The number of a listed counter.
  func number(named fullName: String) -> UInt32? {
    lock.withLock { numbers[fullName].flatMap { definitions[Int($0)].isListed ? $0 : nil } }
  }

  /// All listed counters by number, which is the order in which they were made.
  func listed() -> [(number: UInt32, group: String, name: String, owner: String?)] {
    lock.withLock {
      definitions.enumerated().compactMap { index, definition in
        definition.isListed ? (UInt32(index), definition.group, definition.name, definition.owner) : nil
      }
    }
  }

  /// The sum of one counter over all threads.
  func value(of number: UInt32, threads: ThreadRegistry) -> UInt64 {
    guard number > 0, Int(number) < Self.capacity else { return 0 }
    var sum: UInt64 = 0
    unsafe threads.forEach { record in
      // In bounds: every record has `capacity` words.
      unsafe sum &+= record.pointee.counters[Int(number)].load(ordering: .relaxed)
    }
    return sum
  }
}

/// The two sides of "group.name", if it is one: the rule for the names of counters and tables.
func splitName(_ fullName: String) -> (group: String, name: String)? {
  let bytes = Array(fullName.utf8)
  guard bytes.count <= 63, let dot = bytes.firstIndex(of: UInt8(ascii: ".")) else { return nil }
  let sides = [bytes[..<dot], bytes[(dot + 1)...]]
  for side in sides {
    let isWord = side.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    guard !side.isEmpty, isWord else { return nil }
  }
  return (String(decoding: sides[0], as: UTF8.self), String(decoding: sides[1], as: UTF8.self))
}

/// A C string of at most 63 bytes; nil when it is longer, so that a string without an end is not read for long.
func boundedString(_ bytes: UnsafePointer<CChar>) -> String? {
  var length = 0
  while unsafe bytes[length] != 0 {
    length += 1
    if length > 63 { return nil }
  }
  return unsafe String(
    decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
}
