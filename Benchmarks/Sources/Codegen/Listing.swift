import Foundation

/// Something that went wrong.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// One machine instruction, as llvm-objdump prints it (AT&T syntax).
struct Instruction {
  let address: UInt64
  /// The mnemonic, a tab, and the operands.
  let text: Substring
}

/// The disassembly of a program: its functions by address and by name.
final class Listing {
  private let bytes: [UInt8]
  /// Ascending; at the same index the place of its text in `bytes`.
  private var addresses: [UInt64] = []
  private var texts: [Range<Int>] = []
  /// Functions' addresses, ascending.
  private var entries: [UInt64] = []
  private var sizes: [UInt64: UInt64] = [:]
  /// Functions' names by their addresses, in Swift's words.
  private(set) var names: [UInt64: String] = [:]

  /// Disassembles a program for x86-64 with symbols.
  init(of program: String) throws {
    bytes = try Tool.run("llvm-objdump", ["-d", "--syms", "--no-show-raw-insn", program])
    var isCode = false
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      if !isCode, bytes[start..<end].starts(with: "Disassembly".utf8) { isCode = true }
      if isCode { readCode(start..<end) } else { readSymbol(String(decoding: bytes[start..<end], as: UTF8.self)) }
      start = end + 1
    }
    entries = names.keys.sorted()
    let words = try Tool.demangle(entries.map { names[$0]! })
    names = Dictionary(uniqueKeysWithValues: zip(entries, words))
    let isKnown = String(decoding: bytes.prefix(300), as: UTF8.self).contains("elf64-x86-64")
    guard isKnown, !entries.isEmpty, !addresses.isEmpty else {
      throw Failure("\(program): expected a program for x86-64 with symbols")
    }
  }

  /// "0000000000527d00 g     F .text<tab>000000000000000c .hidden name"
  private func readSymbol(_ line: String) {
    let halves = line.split(separator: "\t", maxSplits: 1)
    guard halves.count == 2, halves[0].contains(" F "), let address = UInt64(halves[0].prefix { $0 != " " }, radix: 16)
    else { return }
    let fields = halves[1].split(separator: " ")
    guard let size = fields.first.flatMap({ UInt64($0, radix: 16) }), let name = fields.last, address != 0 else {
      return
    }
    sizes[address] = size
    names[address] = String(name)
  }

  /// "  527d00:      <tab>pushq<tab>%rbp"; lines that are none are passed over.
  private func readCode(_ line: Range<Int>) {
    var address: UInt64 = 0
    var place = line.lowerBound
    while place < line.upperBound, bytes[place] == UInt8(ascii: " ") { place += 1 }
    guard place > line.lowerBound else { return }
    while place < line.upperBound, let digit = Character(UnicodeScalar(bytes[place])).hexDigitValue {
      address = address << 4 | UInt64(digit)
      place += 1
    }
    guard place < line.upperBound, bytes[place] == UInt8(ascii: ":") else { return }
    place += 1
    while place < line.upperBound, bytes[place] == UInt8(ascii: " ") || bytes[place] == UInt8(ascii: "\t") {
      place += 1
    }
    addresses.append(address)
    texts.append(place..<line.upperBound)
  }

  /// The instructions of the function that begins at an address.
  func instructions(at address: UInt64) -> [Instruction] {
    var index = Self.firstIndex(in: addresses, from: address)
    let end: UInt64? = sizes[address].flatMap { $0 > 0 ? address + $0 : nil }
    let next = Self.firstIndex(in: entries, from: address + 1)
    let last = end ?? (next < entries.count ? entries[next] : .max)
    var found: [Instruction] = []
    while index < addresses.count, addresses[index] < last {
      let text = Substring(String(decoding: bytes[texts[index]], as: UTF8.self))
      // A function without a symbol ends where padding follows what does not go on.
      if end == nil, text.hasPrefix("int3") || text.hasPrefix("nop"), let before = found.last?.text,
        before.hasPrefix("ret") || before.hasPrefix("jmp") || before.hasPrefix("ud2")
      {
        break
      }
      found.append(Instruction(address: addresses[index], text: text))
      index += 1
    }
    return found
  }

  /// The first index whose element is not below a value; ascending elements.
  private static func firstIndex(in list: [UInt64], from value: UInt64) -> Int {
    var (low, high) = (0, list.count)
    while low < high {
      let middle = (low + high) / 2
      if list[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
