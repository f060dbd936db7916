import CLibELF

/// Section headers and the full symbol table: names for messages and for the compiler's own code.
///
/// The loader reads none of this, a stripped file has none of it, and it may say anything.
struct SectionHints {
  struct Section {
    let name: String
    let header: Elf64_Shdr
  }

  private(set) var sections: [Section] = []
  private let file: ELFFile
  private static let maximumSections: UInt64 = 4096

  init(_ file: ELFFile) {
    self.file = file
    let header = file.header
    let count = UInt64(header.e_shnum)
    guard header.e_shoff != 0, count > 0, count <= Self.maximumSections, header.e_shentsize == 64,
      let headers = file.records(Elf64_Shdr.self, ELF_T_SHDR, at: header.e_shoff, count: count),
      Int(header.e_shstrndx) < headers.count
    else { return }
    let names = headers[Int(header.e_shstrndx)]
    let (end, overflow) = names.sh_offset.addingReportingOverflow(names.sh_size)
    guard !overflow else { return }
    sections = headers.map { section in
      // Section names are short: what is not is none.
      let start = names.sh_offset.addingReportingOverflow(UInt64(section.sh_name))
      let limit = start.overflow ? 0 : min(end, start.partialValue &+ 256)
      return Section(name: file.string(at: start.partialValue, before: limit) ?? "", header: section)
    }
  }

  func bytes(in name: String) -> UInt64 {
    sections.filter { $0.name == name }.map(\.header.sh_size).max() ?? 0
  }

  /// The names that the full symbol table has for the functions at some addresses, in one pass over it.
  func functions(at addresses: Set<UInt64>) -> [UInt64: [String]] {
    var found: [UInt64: [String]] = [:]
    for section in sections where section.header.sh_type == UInt32(SHT_SYMTAB) {
      guard Int(section.header.sh_link) < sections.count,
        let symbols = file.records(
          Elf64_Sym.self, ELF_T_SYM, at: section.header.sh_offset, count: section.header.sh_size / 24)
      else { continue }
      let names = sections[Int(section.header.sh_link)].header
      for symbol in symbols where Int32(symbol.st_info & 15) == STT_FUNC && addresses.contains(symbol.st_value) {
        let (start, overflow) = names.sh_offset.addingReportingOverflow(UInt64(symbol.st_name))
        guard !overflow, found[symbol.st_value, default: []].count < 8,
          let name = file.string(at: start, before: min(file.size, start &+ 1024))
        else { continue }
        found[symbol.st_value, default: []].append(name)
      }
      break
    }
    return found
  }
}
