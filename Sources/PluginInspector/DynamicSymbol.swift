import CLibELF

/// One entry of the dynamic symbol table, with its name and version looked up.
struct DynamicSymbol {
  let name: String
  let entry: Elf64_Sym
  /// The version that an undefined symbol asks for, or a defined one has.
  let version: SymbolVersion?

  var binding: Int32 { Int32(entry.st_info >> 4) }
  var type: Int32 { Int32(entry.st_info & 15) }
  var visibility: Int32 { Int32(entry.st_other & 3) }

  var isUndefined: Bool { entry.st_shndx == UInt16(SHN_UNDEF) }
  var isWeak: Bool { binding == STB_WEAK }

  /// Whether other objects can bind to it.
  var isExported: Bool {
    !isUndefined && [STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE].contains(binding)
      && [STV_DEFAULT, STV_PROTECTED].contains(visibility)
  }

  var bindingName: String {
    [STB_LOCAL: "LOCAL", STB_GLOBAL: "GLOBAL", STB_WEAK: "WEAK", STB_GNU_UNIQUE: "GNU_UNIQUE"][binding]
      ?? String(binding)
  }

  var typeName: String {
    [
      STT_NOTYPE: "NOTYPE", STT_OBJECT: "OBJECT", STT_FUNC: "FUNC", STT_SECTION: "SECTION", STT_FILE: "FILE",
      STT_COMMON: "COMMON", STT_TLS: "TLS", STT_GNU_IFUNC: "GNU_IFUNC",
    ][type] ?? String(type)
  }

  var visibilityName: String {
    [STV_DEFAULT: "DEFAULT", STV_INTERNAL: "INTERNAL", STV_HIDDEN: "HIDDEN", STV_PROTECTED: "PROTECTED"][visibility]
      ?? String(visibility)
  }
}

/// A symbol's version (LSB, "Symbol Versioning").
struct SymbolVersion: Hashable {
  let name: String
  /// Of an undefined symbol: the library that shall have it.
  var library: String?
  /// Of a defined symbol: only those who ask for this version get it.
  var isHidden = false
}

/// The dynamic symbol table.
struct DynamicSymbols {
  private(set) var all: [DynamicSymbol] = []
  private(set) var versions = SymbolVersions()
  private var hash: SymbolHash?

  init(
    _ file: ELFFile, _ segments: Segments, _ dynamic: DynamicSection, _ strings: DynamicStrings,
    highestUsed: UInt64, _ findings: inout Findings
  ) {
    guard let address = dynamic[DT_SYMTAB] else { return }
    hash = SymbolHash(file, segments, dynamic, &findings)
    // The table has no size of its own: it reaches as far as the hash table or a relocation does.
    let count = max(hash?.symbolCount ?? 0, highestUsed + 1)
    guard count < UInt64(UInt32.max),
      let offset = segments.offset(of: address, count: count * 24),
      let entries = file.records(Elf64_Sym.self, ELF_T_SYM, at: offset, count: count)
    else {
      findings.add(
        .headers,
        """
        expected the symbol table inside a loaded segment, found \(count) symbols of 24 bytes at \
        \(String(hex: address))
        """)
      return
    }
    versions = SymbolVersions(file, segments, dynamic, strings, &findings)
    let indices = versions.indices(count: count, file, segments, dynamic, &findings)

    // Linkers share the tails of names, so their lengths may add up to more than the table's; never to this.
    var budget = strings.byteCount.multipliedReportingOverflow(by: 8).partialValue &+ 4096
    all.reserveCapacity(entries.count)
    for (index, entry) in entries.enumerated() {
      var name = ""
      if index > 0 {
        guard let found = strings[UInt64(entry.st_name)] else {
          findings.add(
            .headers, "expected the name of symbol \(index) in the string table, found offset \(entry.st_name)")
          all.append(DynamicSymbol(name: "", entry: entry, version: nil))
          continue
        }
        name = found
      }
      guard UInt64(name.utf8.count) <= budget else {
        findings.add(.headers, "expected symbol names of at most 8 times the string table, found more")
        return
      }
      budget -= UInt64(name.utf8.count)
      let version = indices.isEmpty ? nil : versions[indices[index], isUndefined: entry.st_shndx == 0]
      all.append(DynamicSymbol(name: name, entry: entry, version: version))
    }
  }

  /// The symbol that the loader finds under a name: it goes by the hash table only.
  func lookup(_ name: String) -> DynamicSymbol? {
    hash?.candidates(for: name).lazy.filter { $0 < all.count }.map { all[$0] }
      .first { $0.name == name && !$0.isUndefined }
  }
}
