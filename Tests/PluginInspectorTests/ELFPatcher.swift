import CLibELF

/// A shared object's bytes to be spoiled, and where in them things are.
struct ELFPatcher {
  var bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// `bytes` after `change`.
  static func patch(_ bytes: [UInt8], _ change: (inout ELFPatcher) throws -> Void) rethrows -> [UInt8] {
    var patcher = ELFPatcher(bytes)
    try change(&patcher)
    return patcher.bytes
  }

  func load<Number: FixedWidthInteger>(_ offset: Int, as type: Number.Type = Number.self) -> Number {
    bytes[offset..<offset + MemoryLayout<Number>.size].reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  mutating func store<Number: FixedWidthInteger>(_ value: Number, at offset: Int) {
    for index in 0..<MemoryLayout<Number>.size {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Number(8 * index))
    }
  }

  // Fields of the ELF header.
  static let type = 16
  static let machine = 18
  static let sectionTable = 40
  static let segmentSize = 54
  static let segmentCount = 56
  static let sectionCount = 60
  // Fields of a program header.
  static let flags = 4
  static let offset = 8
  static let address = 16
  static let fileSize = 32
  static let memorySize = 40
  static let alignment = 48

  var segments: [Int] {
    let table = Int(load(32, as: UInt64.self))
    return (0..<Int(load(Self.segmentCount, as: UInt16.self))).map { table + $0 * 56 }
  }

  /// Where the program headers of the type are.
  func segments(_ type: Int32) -> [Int] { segments.filter { load($0, as: UInt32.self) == UInt32(type) } }

  var executableSegment: Int {
    segments(PT_LOAD).first { load($0 + Self.flags, as: UInt32.self) & UInt32(PF_X) != 0 }!
  }

  var writableSegment: Int {
    segments(PT_LOAD).first { load($0 + Self.flags, as: UInt32.self) & UInt32(PF_W) != 0 }!
  }

  func fileOffset(of address: UInt64) -> Int {
    for segment in segments(PT_LOAD) {
      let start: UInt64 = load(segment + Self.address)
      if address >= start && address - start < load(segment + Self.fileSize, as: UInt64.self) {
        return Int(load(segment + Self.offset, as: UInt64.self) + address - start)
      }
    }
    return -1
  }

  /// Where the dynamic entry with the tag is.
  func dynamic(_ tag: some BinaryInteger) -> Int? {
    let segment = segments(PT_DYNAMIC)[0]
    let start = Int(load(segment + Self.offset, as: UInt64.self))
    let count = Int(load(segment + Self.fileSize, as: UInt64.self)) / 16
    return (0..<count).map { start + $0 * 16 }.first { load($0, as: Int64.self) == Int64(tag) }
  }

  func dynamicValue(_ tag: some BinaryInteger) -> UInt64 { load(dynamic(tag)! + 8) }

  /// Where the symbol is.
  func symbol(_ name: String) -> Int {
    let symbols = fileOffset(of: dynamicValue(DT_SYMTAB))
    let strings = fileOffset(of: dynamicValue(DT_STRTAB))
    var position = symbols
    while true {
      let start = strings + Int(load(position, as: UInt32.self))
      if Array(bytes[start...].prefix { $0 != 0 }) == Array(name.utf8) { return position }
      position += 24
    }
  }

  /// Where the ABI note is: its three numbers, 8 bytes of name, and the descriptor.
  var note: Int {
    let mark = Array("NetISR\0\0RSIN".utf8)
    return bytes.indices.first { bytes[$0...].starts(with: mark) }! - 12
  }
  var descriptor: Int { note + 20 }

  func find(_ text: String) -> Int {
    bytes.indices.first { bytes[$0...].starts(with: text.utf8) }!
  }
}
