import CLibELF

/// The dynamic string table.
struct DynamicStrings {
  private let file: ELFFile
  private let start: UInt64
  private let end: UInt64

  var byteCount: UInt64 { end - start }

  init(_ file: ELFFile, _ segments: Segments, _ dynamic: DynamicSection, _ findings: inout Findings) {
    self.file = file
    guard let address = dynamic[DT_STRTAB] else {
      (start, end) = (0, 0)
      return
    }
    let size = dynamic[DT_STRSZ] ?? 0
    guard let offset = segments.offset(of: address, count: size), file.contains(offset, size), size > 0 else {
      findings.add(
        .headers,
        """
        expected the string table inside a loaded segment, found \(size) bytes (DT_STRSZ) at \(String(hex: address))
        """)
      (start, end) = (0, 0)
      return
    }
    (start, end) = (offset, offset + size)
    if file.load(UInt8.self, at: end - 1) != 0 {
      findings.add(.headers, "expected a NUL at the end of the string table, found another byte")
    }
  }

  /// Longer than any mangled name: without a bound, many entries could point to the start of one huge string.
  private static let maximumLength: UInt64 = 1 << 14

  /// The string at `index`; `nil` if it does not lie in the table, or is longer than any name.
  subscript(index: UInt64) -> String? {
    guard index < end - start else { return nil }
    return file.string(at: start + index, before: min(end, start + index + Self.maximumLength))
  }
}
