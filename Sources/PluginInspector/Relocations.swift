import CLibELF

/// What the loader writes into the image before any code of it runs.
struct Relocations {
  /// `DT_RELA` and `DT_JMPREL`.
  private(set) var entries: [Elf64_Rela] = []
  /// First and last address of every word of `DT_RELR`, the packed form of plain base-address relocations.
  private(set) var packed: [ClosedRange<UInt64>] = []

  /// Highest symbol that a relocation uses.
  var highestSymbol: UInt64 { entries.lazy.map { $0.r_info >> 32 }.max() ?? 0 }

  #if arch(x86_64)
    static let relative = R_X86_64_RELATIVE
    static let indirect = R_X86_64_IRELATIVE
    static let word = R_X86_64_64
    /// What glibc's loader handles; anything else is an error there.
    static let known: Set<Int32> = [
      R_X86_64_NONE, R_X86_64_64, R_X86_64_PC32, R_X86_64_COPY, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT,
      R_X86_64_RELATIVE, R_X86_64_32, R_X86_64_DTPMOD64, R_X86_64_DTPOFF64, R_X86_64_TPOFF64, R_X86_64_SIZE32,
      R_X86_64_SIZE64, R_X86_64_TLSDESC, R_X86_64_IRELATIVE, R_X86_64_RELATIVE64,
    ]
  #else
    static let relative = R_AARCH64_RELATIVE
    static let indirect = R_AARCH64_IRELATIVE
    static let word = R_AARCH64_ABS64
    /// What glibc's loader handles; anything else is an error there.
    static let known: Set<Int32> = [
      R_AARCH64_NONE, R_AARCH64_ABS64, R_AARCH64_ABS32, R_AARCH64_COPY, R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT,
      R_AARCH64_RELATIVE, R_AARCH64_TLS_DTPMOD, R_AARCH64_TLS_DTPREL, R_AARCH64_TLS_TPREL, R_AARCH64_TLSDESC,
      R_AARCH64_IRELATIVE,
    ]
  #endif

  static func type(_ entry: Elf64_Rela) -> Int32 { Int32(truncatingIfNeeded: entry.r_info & 0xffff_ffff) }

  init(_ file: ELFFile, _ segments: Segments, _ dynamic: DynamicSection, _ findings: inout Findings) {
    for (name, table, size) in [("DT_RELA", DT_RELA, DT_RELASZ), ("DT_JMPREL", DT_JMPREL, DT_PLTRELSZ)] {
      guard let address = dynamic[table] else { continue }
      let bytes = dynamic[size] ?? 0
      if bytes == 0 { continue }
      guard bytes % 24 == 0, let offset = segments.offset(of: address, count: bytes),
        let read = file.records(Elf64_Rela.self, ELF_T_RELA, at: offset, count: bytes / 24)
      else {
        findings.add(
          .headers,
          """
          expected \(name) inside a loaded segment, a multiple of 24 bytes long, found \(bytes) bytes at \
          \(String(hex: address))
          """)
        continue
      }
      entries += read
    }
    readPacked(file, segments, dynamic, &findings)
  }

  /// An even word is an address; an odd one is a bitmap of the 63 words after the last address.
  private mutating func readPacked(
    _ file: ELFFile, _ segments: Segments, _ dynamic: DynamicSection, _ findings: inout Findings
  ) {
    guard let address = dynamic[DT_RELR], let bytes = dynamic[DT_RELRSZ], bytes > 0 else { return }
    guard bytes % 8 == 0, let offset = segments.offset(of: address, count: bytes),
      let words = file.records(UInt64.self, ELF_T_XWORD, at: offset, count: bytes / 8)
    else {
      findings.add(
        .headers, "expected DT_RELR inside a loaded segment, found \(bytes) bytes at \(String(hex: address))")
      return
    }
    var next: UInt64 = 0
    for word in words {
      if word & 1 == 0 {
        packed.append(word...word)
        next = word &+ 8
      } else {
        let bits = word >> 1
        if bits != 0 {
          let first = next &+ UInt64(bits.trailingZeroBitCount) * 8
          let last = next &+ UInt64(63 - bits.leadingZeroBitCount) * 8
          if first <= last { packed.append(first...last) }
        }
        next = next &+ 63 * 8
      }
    }
  }

  /// The addresses that the loader puts into `range`, from the relocations there, by place.
  func targets(in range: Range<UInt64>, _ symbols: DynamicSymbols) -> [UInt64: UInt64] {
    var targets: [UInt64: UInt64] = [:]
    for entry in entries where range.contains(entry.r_offset) {
      let addend = UInt64(bitPattern: entry.r_addend)
      switch Self.type(entry) {
      case Self.relative, Self.indirect:
        targets[entry.r_offset] = addend
      case Self.word:
        let index = Int(entry.r_info >> 32)
        if index < symbols.all.count { targets[entry.r_offset] = symbols.all[index].entry.st_value &+ addend }
      default:
        break
      }
    }
    return targets
  }
}
