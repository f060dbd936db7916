import CLibELF

/// The versions that an object needs (`DT_VERNEED`) and has (`DT_VERDEF`).
struct SymbolVersions {
  /// A version that the loader demands of a needed library, whether or not a symbol uses it.
  struct Requirement: Hashable {
    let library: String
    let version: String
    let isWeak: Bool
  }

  private(set) var required: [Requirement] = []
  private var needed: [UInt16: SymbolVersion] = [:]
  private var defined: [UInt16: String] = [:]

  init() {}

  init(
    _ file: ELFFile, _ segments: Segments, _ dynamic: DynamicSection, _ strings: DynamicStrings,
    _ findings: inout Findings
  ) {
    if let address = dynamic[DT_VERNEED] {
      if !readNeeded(file, segments, address, dynamic[DT_VERNEEDNUM] ?? 0, strings) {
        findings.add(
          .headers, "expected whole version needs (DT_VERNEED), found broken ones at \(String(hex: address))")
      }
    }
    if let address = dynamic[DT_VERDEF] {
      if !readDefined(file, segments, address, dynamic[DT_VERDEFNUM] ?? 0, strings) {
        findings.add(
          .headers, "expected whole version definitions (DT_VERDEF), found broken ones at \(String(hex: address))")
      }
    }
  }

  var definedNames: some Collection<String> { defined.values }

  subscript(index: UInt16, isUndefined isUndefined: Bool) -> SymbolVersion? {
    let number = index & 0x7fff
    if isUndefined { return needed[number] }
    return defined[number].map { SymbolVersion(name: $0, isHidden: index & 0x8000 != 0) }
  }

  /// The version index of every symbol (`DT_VERSYM`); empty without that table.
  func indices(
    count: UInt64, _ file: ELFFile, _ segments: Segments, _ dynamic: DynamicSection, _ findings: inout Findings
  ) -> [UInt16] {
    guard let address = dynamic[DT_VERSYM] else { return [] }
    guard let offset = segments.offset(of: address, count: count * 2),
      let indices = file.records(UInt16.self, ELF_T_HALF, at: offset, count: count)
    else {
      findings.add(
        .headers, "expected a version for each of \(count) symbols (DT_VERSYM), found fewer at \(String(hex: address))")
      return []
    }
    return indices
  }

  /// Both tables are lists linked by distances in bytes. A distance is at least one record, so that no list is
  /// endless, and at most what the segment has.
  private static let recordSize: UInt64 = 16
  /// A version's number has 15 bits.
  private static let maximumCount = 1 << 15

  private mutating func readNeeded(
    _ file: ELFFile, _ segments: Segments, _ address: UInt64, _ count: UInt64, _ strings: DynamicStrings
  ) -> Bool {
    guard let (start, available) = segments.range(at: address) else { return false }
    var position: UInt64 = 0
    for index in 0..<count {
      guard required.count <= Self.maximumCount, position <= available, available - position >= Self.recordSize,
        let need = file.records(Elf64_Verneed.self, ELF_T_BYTE, at: start + position, count: 1)?.first,
        need.vn_version == 1, let library = strings[UInt64(need.vn_file)]
      else { return false }
      var part = position + UInt64(need.vn_aux)
      for auxiliary in 0..<need.vn_cnt {
        guard required.count <= Self.maximumCount, part <= available, available - part >= Self.recordSize,
          let record = file.records(Elf64_Vernaux.self, ELF_T_BYTE, at: start + part, count: 1)?.first,
          let name = strings[UInt64(record.vna_name)]
        else { return false }
        required.append(Requirement(library: library, version: name, isWeak: record.vna_flags & 2 != 0))
        needed[record.vna_other & 0x7fff] = SymbolVersion(name: name, library: library)
        guard auxiliary + 1 == need.vn_cnt || record.vna_next >= Self.recordSize else { return false }
        part += UInt64(record.vna_next)
      }
      guard index + 1 == count || need.vn_next >= Self.recordSize else { return false }
      position += UInt64(need.vn_next)
    }
    return true
  }

  private mutating func readDefined(
    _ file: ELFFile, _ segments: Segments, _ address: UInt64, _ count: UInt64, _ strings: DynamicStrings
  ) -> Bool {
    guard count <= UInt64(Self.maximumCount), let (start, available) = segments.range(at: address) else { return false }
    var position: UInt64 = 0
    for index in 0..<count {
      guard position <= available, available - position >= 20,
        let definition = file.records(Elf64_Verdef.self, ELF_T_BYTE, at: start + position, count: 1)?.first,
        definition.vd_version == 1
      else { return false }
      // The first auxiliary record names the version, the others name its parents.
      let part = position + UInt64(definition.vd_aux)
      guard part <= available, available - part >= 8,
        let record = file.records(Elf64_Verdaux.self, ELF_T_BYTE, at: start + part, count: 1)?.first,
        let name = strings[UInt64(record.vda_name)]
      else { return false }
      // The base version names the file itself; its symbols have no version.
      if definition.vd_flags & 1 == 0 { defined[definition.vd_ndx & 0x7fff] = name }
      guard index + 1 == count || definition.vd_next >= 20 else { return false }
      position += UInt64(definition.vd_next)
    }
    return true
  }
}
