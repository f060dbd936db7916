import CLibELF
import Glibc

/// The tables that the ELF header points to, and the segments: what glibc's loader checks, and what it forgets to.
enum HeaderChecks {
  private static let maximumSegments = 128
  /// User space ends here on x86-64 and on AArch64 with 48-bit addresses.
  private static let addressLimit: UInt64 = 1 << 47

  /// The program headers; empty if they cannot be read.
  static func segments(_ file: ELFFile, _ findings: inout Findings) -> Segments {
    let header = file.header
    guard header.e_phnum > 0, Int(header.e_phnum) <= maximumSegments, header.e_phentsize == 56 else {
      findings.add(
        .headers,
        """
        expected 1 to \(maximumSegments) program headers of 56 bytes, found \(header.e_phnum) of \
        \(header.e_phentsize)
        """)
      return Segments(all: [])
    }
    let (end, overflow) = header.e_phoff.addingReportingOverflow(UInt64(header.e_phnum) * 56)
    guard !overflow, header.e_phoff % 8 == 0 else {
      findings.add(.headers, "expected 8-byte aligned program headers, found them at \(String(hex: header.e_phoff))")
      return Segments(all: [])
    }
    guard end <= file.size,
      let all = file.records(Elf64_Phdr.self, ELF_T_PHDR, at: header.e_phoff, count: UInt64(header.e_phnum))
    else {
      findings.add(.truncated, "expected program headers up to byte \(end), found a file of \(file.size)")
      return Segments(all: [])
    }
    for (index, segment) in all.enumerated() where segment.p_type != UInt32(PT_NULL) {
      checkExtent("segment \(index)", segment.p_offset, segment.p_filesz, file, &findings)
    }
    checkSections(file, &findings)
    return Segments(all: all)
  }

  private static func checkExtent(
    _ name: String, _ offset: UInt64, _ size: UInt64, _ file: ELFFile, _ findings: inout Findings
  ) {
    let (end, overflow) = offset.addingReportingOverflow(size)
    if overflow {
      findings.add(
        .headers, "expected \(name) within a file, found \(size) bytes at \(String(hex: offset)), past any address")
    } else if size > 0 && end > file.size {
      findings.add(.truncated, "expected \(name) up to byte \(end), found a file of \(file.size)")
    }
  }

  /// Section headers may be missing, and decide nothing; but those of a whole file lie in it.
  private static func checkSections(_ file: ELFFile, _ findings: inout Findings) {
    let header = file.header
    guard header.e_shoff != 0, header.e_shnum != 0 else { return }
    guard header.e_shentsize == 64, header.e_shstrndx < header.e_shnum else {
      findings.add(
        .headers,
        """
        expected section headers of 64 bytes and their names in one of \(header.e_shnum), found \
        \(header.e_shentsize) bytes and section \(header.e_shstrndx)
        """)
      return
    }
    let length = UInt64(header.e_shnum) * 64
    checkExtent("the section headers", header.e_shoff, length, file, &findings)
    guard let sections = file.records(Elf64_Shdr.self, ELF_T_SHDR, at: header.e_shoff, count: UInt64(header.e_shnum))
    else { return }
    for (index, section) in sections.enumerated()
    where section.sh_type != UInt32(SHT_NOBITS) && section.sh_type != UInt32(SHT_NULL) {
      checkExtent("section \(index)", section.sh_offset, section.sh_size, file, &findings)
    }
  }

  /// What makes the segments loadable, and makes an address mean the same to the loader and to us.
  static func check(_ segments: Segments, _ findings: inout Findings) {
    for (type, name) in [
      (PT_DYNAMIC, "PT_DYNAMIC"), (PT_GNU_STACK, "PT_GNU_STACK"), (PT_GNU_RELRO, "PT_GNU_RELRO"), (PT_TLS, "PT_TLS"),
    ] {
      let count = segments.all.filter { $0.p_type == UInt32(type) }.count
      if count > 1 { findings.add(.headers, "expected at most one \(name) segment, found \(count)") }
    }
    for (type, name) in [(PT_GNU_RELRO, "PT_GNU_RELRO"), (PT_TLS, "PT_TLS")] {
      if let segment = segments.first(type), segment.p_memsz > 0 {
        checkInside(segment, name, segments, &findings)
      }
    }
    let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))
    if segments.loaded.isEmpty { findings.add(.headers, "expected a loadable segment (PT_LOAD), found none") }
    var end: UInt64 = 0
    for (index, segment) in segments.all.enumerated() where segment.p_type == UInt32(PT_LOAD) {
      let name = "segment \(index)"
      let alignment = segment.p_align
      if alignment & (alignment &- 1) != 0 || alignment % pageSize != 0 || alignment == 0 {
        findings.add(
          .headers, "expected \(name) aligned to a power of two and whole pages of \(pageSize), found \(alignment)")
      } else if (segment.p_vaddr &- segment.p_offset) % alignment != 0 {
        findings.add(
          .headers,
          """
          expected address and offset of \(name) to agree modulo \(alignment), found \
          \(String(hex: segment.p_vaddr)) and \(String(hex: segment.p_offset))
          """)
      }
      if segment.p_filesz > segment.p_memsz {
        findings.add(
          .headers,
          "expected \(name) no longer in the file than in memory (\(segment.p_memsz)), found \(segment.p_filesz)")
      }
      let (last, overflow) = segment.p_vaddr.addingReportingOverflow(segment.p_memsz)
      guard !overflow, last < addressLimit else {
        findings.add(
          .headers,
          """
          expected \(name) below address \(String(hex: addressLimit)), found \(segment.p_memsz) bytes at \
          \(String(hex: segment.p_vaddr))
          """)
        continue
      }
      // The loader maps whole pages: a page of two segments has the second one's bytes, whatever the first one says.
      let start = segment.p_vaddr & ~(pageSize - 1)
      if start < end {
        findings.add(
          .headers,
          """
          expected \(name) in ascending order on pages of its own, from \(String(hex: end)) on, found it at \
          \(String(hex: segment.p_vaddr))
          """)
      }
      end = max(end, (last + pageSize - 1) & ~(pageSize - 1))
    }
  }

  private static func checkInside(
    _ segment: Elf64_Phdr, _ name: String, _ segments: Segments, _ findings: inout Findings
  ) {
    // A linker rounds the read-only part up to a page, past the end of what it protects.
    let size = name == "PT_TLS" ? segment.p_filesz : 1
    if size > 0 && segments.segment(at: segment.p_vaddr, count: size) == nil {
      findings.add(
        .headers, "expected \(name) inside a loaded segment, found it at \(String(hex: segment.p_vaddr))")
    }
  }
}
