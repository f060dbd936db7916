/// Follows direct calls and jumps from functions on a packet's way, and notes what must not be there.
final class Walk {
  private let listing: Listing
  private let rules: Rules
  private(set) var findings: [Finding] = []
  /// Functions that were looked at, in Swift's words.
  private(set) var visited: [String] = []
  /// Rules that came into use, by their patterns.
  private(set) var used: Set<String> = []

  init(_ listing: Listing, _ rules: Rules) throws {
    self.listing = listing
    self.rules = rules
    try run()
  }

  /// A function to look at, and through which ones it was reached.
  private struct Step {
    let address: UInt64
    let name: String
    let path: [String]
  }

  private func run() throws {
    var steps: [Step] = []
    for root in rules.roots {
      let found = listing.names.filter { Rules.matches($0.value, root) }
      guard !found.isEmpty else {
        throw Failure("no function is named \(root): is the list in Rules+Engine.swift up to date?")
      }
      steps += found.map { Step(address: $0.key, name: $0.value, path: []) }
    }
    var seen = Set(steps.map(\.address))
    while let step = steps.popLast() {
      visited.append(step.name)
      for target in look(at: step) where seen.insert(target).inserted {
        let name = listing.names[target] ?? "the function at 0x\(String(target, radix: 16))"
        if let cold = rules.cold.first(where: { Rules.matches(name, $0.pattern) }) {
          used.insert(cold.pattern)
        } else {
          steps.append(Step(address: target, name: name, path: step.path + [step.name]))
        }
      }
    }
  }

  /// Notes what a function holds; returns the functions that it calls or jumps to.
  private func look(at step: Step) -> [UInt64] {
    let instructions = listing.instructions(at: step.address)
    let own = step.address...(instructions.last?.address ?? step.address)
    let permit = rules.permits.first { Rules.matches(step.name, $0.pattern) }
    if let permit { used.insert(permit.pattern) }
    var (indirect, locked) = (permit?.indirect ?? 0, permit?.locked ?? 0)
    var targets: [UInt64] = []
    func note(_ kind: Finding.Kind, _ instruction: Instruction) {
      findings.append(Finding(kind: kind, function: step.name, path: step.path, instruction: instruction))
    }
    for (index, instruction) in instructions.enumerated() {
      switch Flow(instruction.text) {
      case .library(let name):
        if !rules.isPermitted(name, in: permit) { note(Finding.Kind(callOf: name), instruction) }
      case .to(let target) where !own.contains(target): targets.append(target)
      case .indirect where !Flow.isSwitch(instructions[..<index], before: instruction.text):
        indirect -= 1
        if indirect < 0 { note(.indirectCall, instruction) }
      case .locked:
        locked -= 1
        if locked < 0 { note(.lockedInstruction, instruction) }
      default: break
      }
    }
    return targets
  }
}

/// What an instruction does to the flow of control or to the bus.
enum Flow {
  /// Calls or jumps to a function of a library.
  case library(String)
  /// Calls or jumps to an address of the program.
  case to(UInt64)
  /// Calls or jumps to an address that is known only then.
  case indirect
  /// Locks a cache line, or waits for the store buffer.
  case locked
  case plain

  init(_ text: Substring) {
    let mnemonic = text.prefix { !$0.isWhitespace }
    let operands = text.dropFirst(mnemonic.count).drop { $0.isWhitespace }
    if mnemonic == "lock" || mnemonic == "mfence" || mnemonic.hasPrefix("xchg") && operands.contains("(") {
      self = .locked
    } else if mnemonic.hasPrefix("call") || mnemonic.hasPrefix("j") {
      let label = operands.split(separator: "<").last?.prefix { $0 != ">" } ?? ""
      if operands.hasPrefix("*") {
        self = .indirect
      } else if label.hasSuffix("@plt") {
        self = .library(String(label.dropLast(4)))
      } else if let target = UInt64(operands.drop { $0 == "0" || $0 == "x" }.prefix { $0.isHexDigit }, radix: 16) {
        self = .to(target)
      } else {
        self = .plain
      }
    } else {
      self = .plain
    }
  }

  /// Whether an indirect jump goes by a table of offsets, as a `switch` does: it was just loaded and added to the table's
  /// address.
  static func isSwitch(_ before: ArraySlice<Instruction>, before text: Substring) -> Bool {
    guard text.hasPrefix("jmp") else { return false }
    let register = text.drop { $0 != "%" }
    let last = before.suffix(4)
    return last.contains { $0.text.hasPrefix("addq") && $0.text.hasSuffix(register) }
      && last.contains { $0.text.hasPrefix("movslq") && $0.text.contains(",4)") }
  }
}
