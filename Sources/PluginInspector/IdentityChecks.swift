import CLibELF

/// The first bytes: is this a file that the others can read at all?
enum IdentityChecks {
  #if arch(x86_64)
    static let machine = (number: EM_X86_64, name: "x86-64")
  #else
    static let machine = (number: EM_AARCH64, name: "AArch64")
  #endif
  static let headerSize = 64

  /// Whether the bytes have the layout that all other checks know: ELF, 64-bit, little endian, with a whole header.
  static func check(_ bytes: UnsafeRawBufferPointer, _ findings: inout Findings) -> Bool {
    let identity = unsafe Array(bytes.prefix(Int(EI_NIDENT)))
    guard identity.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      let found = identity.isEmpty ? "an empty file" : String(hexOf: identity.prefix(4))
      findings.add(.notELF, "expected a file that begins with 7f454c46, found \(found)")
      return false
    }
    guard bytes.count >= headerSize else {
      findings.add(.truncated, "expected an ELF header of \(headerSize) bytes, found a file of \(bytes.count)")
      return false
    }
    if identity[Int(EI_CLASS)] != UInt8(ELFCLASS64) {
      findings.add(.elfClass, "expected class 2 (64-bit), found \(identity[Int(EI_CLASS)])")
    }
    if identity[Int(EI_DATA)] != UInt8(ELFDATA2LSB) {
      findings.add(.byteOrder, "expected byte order 1 (little endian), found \(identity[Int(EI_DATA)])")
    }
    return !findings.contains(.elfClass) && !findings.contains(.byteOrder)
  }

  /// The rest of the ELF header that says what kind of file this is.
  static func check(_ header: Elf64_Ehdr, _ findings: inout Findings) {
    if header.e_machine != UInt16(machine.number) {
      findings.add(
        .machine, "expected machine \(machine.number) (\(machine.name)), found \(header.e_machine)")
    }
    if header.e_type != UInt16(ET_DYN) {
      findings.add(.elfType, "expected type \(ET_DYN) (shared object), found \(header.e_type)")
    }
    let (_, _, _, _, _, _, version, system, systemVersion, _, _, _, _, _, _, _) = header.e_ident
    if version != 1 || header.e_version != 1 {
      findings.add(.headers, "expected ELF version 1, found \(version) and \(header.e_version)")
    }
    if ![0, 3].contains(system) || systemVersion != 0 {
      findings.add(
        .headers, "expected OS ABI 0 (System V) or 3 (GNU), version 0, found \(system), version \(systemVersion)")
    }
    if header.e_ehsize != UInt16(headerSize) {
      findings.add(.headers, "expected an ELF header of \(headerSize) bytes, found \(header.e_ehsize)")
    }
  }

  /// A position-independent executable is a shared object by type, but its code expects to own the process.
  static func checkNotExecutable(_ image: ELFImage, _ findings: inout Findings) {
    let flags = image.dynamic[DT_FLAGS_1] ?? 0
    if flags & UInt64(DF_1_PIE) != 0 {
      findings.add(.elfType, "expected a shared object, found a position-independent executable (DF_1_PIE)")
    } else if image.segments.first(PT_INTERP) != nil && image.file.header.e_entry != 0 {
      findings.add(
        .elfType,
        """
        expected a shared object, found an executable: an interpreter (PT_INTERP) and an entry point at \
        \(String(hex: image.file.header.e_entry))
        """)
    }
  }
}
