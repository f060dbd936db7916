import CLibELF

/// What the image asks of memory: code is never written, and data never run.
enum MemoryChecks {
  static func check(_ image: ELFImage, _ findings: inout Findings) {
    checkSegments(image.segments, &findings)
    checkTextRelocations(image, &findings)
    checkRelocations(image, &findings)
  }

  private static func checkSegments(_ segments: Segments, _ findings: inout Findings) {
    let both = UInt32(PF_W | PF_X)
    for (index, segment) in segments.all.enumerated()
    where segment.p_type == UInt32(PT_LOAD) && segment.p_flags & both == both {
      findings.add(
        .writableExecutable,
        """
        expected segment \(index) writable or executable, found both: \(segment.p_memsz) bytes at \
        \(String(hex: segment.p_vaddr))
        """)
    }
    // Without the header the loader assumes the worst, and makes every thread's stack executable.
    guard let stack = segments.first(PT_GNU_STACK) else {
      findings.add(.executableStack, "expected a PT_GNU_STACK header without the flag X, found none")
      return
    }
    if stack.p_flags & UInt32(PF_X) != 0 {
      findings.add(.executableStack, "expected PT_GNU_STACK without the flag X, found flags \(stack.p_flags)")
    }
  }

  private static func checkTextRelocations(_ image: ELFImage, _ findings: inout Findings) {
    if image.dynamic[DT_TEXTREL] != nil || (image.dynamic[DT_FLAGS] ?? 0) & UInt64(DF_TEXTREL) != 0 {
      findings.add(.textRelocation, "expected no relocations of read-only segments, found DT_TEXTREL")
    }
  }

  private static func checkRelocations(_ image: ELFImage, _ findings: inout Findings) {
    let isOwnMachine = image.file.header.e_machine == UInt16(IdentityChecks.machine.number)
    for entry in image.relocations.entries {
      let type = Relocations.type(entry)
      if isOwnMachine && !Relocations.known.contains(type) {
        findings.add(
          .headers,
          "expected a relocation that the loader knows at \(String(hex: entry.r_offset)), found type \(type)")
      }
      if type != 0 { checkPlace(entry.r_offset, entry.r_offset, image.segments, &findings) }
    }
    for range in image.relocations.packed {
      checkPlace(range.lowerBound, range.upperBound, image.segments, &findings)
    }
  }

  private static func checkPlace(
    _ first: UInt64, _ last: UInt64, _ segments: Segments, _ findings: inout Findings
  ) {
    let size = (last - first).addingReportingOverflow(8)
    guard !size.overflow, let segment = segments.segment(at: first, count: size.partialValue) else {
      findings.add(.headers, "expected relocations inside loaded segments, found one of \(String(hex: first))")
      return
    }
    if segment.p_flags & UInt32(PF_W) == 0 {
      findings.add(
        .textRelocation, "expected relocations of writable segments only, found one of \(String(hex: first))")
    }
  }
}
