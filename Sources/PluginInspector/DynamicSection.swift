import CLibELF

/// `Elf64_Dyn`, whose union of a number and an address Swift cannot copy as plain bytes.
struct DynamicEntry: BitwiseCopyable {
  let tag: Int64
  let value: UInt64
}

/// The dynamic section: what the loader is told.
struct DynamicSection {
  /// All entries before `DT_NULL`.
  var entries: [DynamicEntry] = []

  /// The last entry with the tag: glibc keeps that one when a tag comes twice.
  subscript(tag: some BinaryInteger) -> UInt64? {
    entries.last { $0.tag == Int64(tag) }?.value
  }

  func all(_ tag: some BinaryInteger) -> [UInt64] {
    entries.filter { $0.tag == Int64(tag) }.map(\.value)
  }
}

extension ELFImage {
  static let maximumDynamicEntries: UInt64 = 4096

  /// Reads the dynamic section where the loader reads it: at its address, not at its offset.
  static func readDynamic(_ file: ELFFile, _ segments: Segments, _ findings: inout Findings) -> DynamicSection {
    guard let segment = segments.first(PT_DYNAMIC) else {
      findings.add(.headers, "expected a dynamic segment (PT_DYNAMIC), found none")
      return DynamicSection()
    }
    guard let offset = segments.offset(of: segment.p_vaddr, count: segment.p_filesz) else {
      findings.add(
        .headers,
        """
        expected the dynamic segment inside a loaded segment, found it at \(String(hex: segment.p_vaddr)), \
        \(segment.p_filesz) bytes
        """)
      return DynamicSection()
    }
    if offset != segment.p_offset || segment.p_vaddr % 8 != 0 {
      findings.add(
        .headers,
        """
        expected the dynamic segment at file offset \(String(hex: offset)), as its address says, 8-byte aligned, \
        found offset \(String(hex: segment.p_offset))
        """)
    }
    let count = segment.p_filesz / UInt64(MemoryLayout<DynamicEntry>.size)
    guard count <= maximumDynamicEntries,
      let entries = file.records(DynamicEntry.self, ELF_T_DYN, at: offset, count: count)
    else {
      findings.add(.headers, "expected at most \(maximumDynamicEntries) dynamic entries, found \(count)")
      return DynamicSection()
    }
    guard let end = entries.firstIndex(where: { $0.tag == 0 }) else {
      findings.add(.headers, "expected a DT_NULL at the end of the dynamic segment, found none in \(count) entries")
      return DynamicSection(entries: entries)
    }
    return DynamicSection(entries: Array(entries[..<end]))
  }

  /// What glibc asserts about the dynamic section: it ends the process where we refuse a file.
  func checkDynamic(_ findings: inout Findings) {
    let repeatable: Set<Int64> = [
      Int64(DT_NEEDED), Int64(DT_AUXILIARY), Int64(DT_FILTER), Int64(DT_NULL),
    ]
    var seen: Set<Int64> = []
    for entry in dynamic.entries where !repeatable.contains(entry.tag) && !seen.insert(entry.tag).inserted {
      findings.add(.headers, "expected dynamic tag \(String(hex: entry.tag)) once, found it again")
    }
    let exact: [(String, Int32, UInt64)] = [
      ("DT_SYMENT", DT_SYMENT, 24), ("DT_RELAENT", DT_RELAENT, 24), ("DT_PLTREL", DT_PLTREL, UInt64(DT_RELA)),
    ]
    for (name, tag, expected) in exact {
      if let found = dynamic[tag], found != expected {
        findings.add(.headers, "expected \(name) \(expected), found \(found)")
      }
    }
    if dynamic[DT_REL] != nil {
      findings.add(.headers, "expected relocations with addends (DT_RELA), found DT_REL")
    }
    for (name, tag) in [("DT_STRTAB", DT_STRTAB), ("DT_SYMTAB", DT_SYMTAB)] where dynamic[tag] == nil {
      findings.add(.headers, "expected \(name) in the dynamic segment, found none")
    }
    for (name, tag) in [("DT_INIT", DT_INIT), ("DT_FINI", DT_FINI)] {
      if let address = dynamic[tag], !segments.isExecutable(address) {
        findings.add(
          .headers, "expected \(name) inside an executable segment, found it at \(String(hex: address))")
      }
    }
    for (name, table, size) in [
      ("DT_INIT_ARRAY", DT_INIT_ARRAY, DT_INIT_ARRAYSZ), ("DT_FINI_ARRAY", DT_FINI_ARRAY, DT_FINI_ARRAYSZ),
    ] {
      guard let bytes = dynamic[size], bytes > 0 else { continue }
      let address = dynamic[table] ?? 0
      if segments.offset(of: address, count: bytes) == nil || bytes % 8 != 0 || bytes > 1 << 20 {
        findings.add(
          .headers,
          """
          expected \(name) inside a loaded segment, a multiple of 8 bytes long, found \(bytes) bytes at \
          \(String(hex: address))
          """)
      }
    }
  }
}
