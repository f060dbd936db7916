/// What is looked at, and what may be there. Patterns are functions' names in Swift's words, where `*` stands for anything.
struct Rules {
  /// A function that no packet passes on its usual way: it is not looked into.
  struct Cold {
    let pattern: String
    let why: String

    init(_ pattern: String, _ why: String) {
      self.pattern = pattern
      self.why = why
    }
  }

  /// What a function on the usual way may hold.
  struct Permit {
    let pattern: String
    /// Calls of functions that are known only then: handlers, and what a policy asks.
    let indirect: Int
    /// Locked instructions.
    let locked: Int
    /// Functions of libraries.
    let calls: [String]
    let why: String

    init(_ pattern: String, indirect: Int = 0, locked: Int = 0, calls: [String] = [], _ why: String) {
      self.pattern = pattern
      self.indirect = indirect
      self.locked = locked
      self.calls = calls
      self.why = why
    }
  }

  var roots: [String]
  var cold: [Cold] = []
  var permits: [Permit] = []

  /// Whether a function of a library may be called.
  func isPermitted(_ name: String, in permit: Permit?) -> Bool {
    // Called in place of a return when the stack was overwritten: the end of the process.
    name == "__stack_chk_fail" || permit?.calls.contains(name) == true
  }

  static func matches(_ name: String, _ pattern: String) -> Bool {
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return name == pattern }
    guard name.hasPrefix(parts[0]) else { return false }
    var rest = name.dropFirst(parts[0].count)
    for part in parts[1..<(parts.count - 1)] {
      guard let place = rest.firstRange(of: part) else { return false }
      rest = rest[place.upperBound...]
    }
    return rest.hasSuffix(parts[parts.count - 1])
  }
}
