import CLibELF

/// The program headers, and where the loader would put the file's bytes.
struct Segments {
  let all: [Elf64_Phdr]

  var loaded: [Elf64_Phdr] { all.filter { $0.p_type == UInt32(PT_LOAD) } }

  func first(_ type: Int32) -> Elf64_Phdr? { all.first { $0.p_type == UInt32(type) } }

  /// Where in the file the byte at `address` comes from, and how many follow it there.
  ///
  /// `nil` for addresses that no file byte is mapped to: outside of the segments, or in their zeroed tail.
  func range(at address: UInt64) -> (offset: UInt64, available: UInt64)? {
    for segment in all where segment.p_type == UInt32(PT_LOAD) && address >= segment.p_vaddr {
      let distance = address - segment.p_vaddr
      // Whoever adds to the answer, within what is available, stays below the end of all numbers.
      guard distance < segment.p_filesz, !segment.p_vaddr.addingReportingOverflow(segment.p_filesz).overflow,
        !segment.p_offset.addingReportingOverflow(segment.p_filesz).overflow
      else { continue }
      return (segment.p_offset + distance, segment.p_filesz - distance)
    }
    return nil
  }

  /// Where in the file `count` bytes at `address` come from.
  func offset(of address: UInt64, count: UInt64) -> UInt64? {
    guard let found = range(at: address), count <= found.available else { return nil }
    return found.offset
  }

  /// The segment that `count` bytes at `address` would be mapped to, its zeroed tail included.
  func segment(at address: UInt64, count: UInt64 = 1) -> Elf64_Phdr? {
    all.first {
      $0.p_type == UInt32(PT_LOAD) && address >= $0.p_vaddr && address - $0.p_vaddr < $0.p_memsz
        && count <= $0.p_memsz - (address - $0.p_vaddr)
    }
  }

  func isExecutable(_ address: UInt64) -> Bool {
    segment(at: address).map { $0.p_flags & UInt32(PF_X) != 0 } ?? false
  }
}
