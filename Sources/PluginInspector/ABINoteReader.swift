import CLibELF
import CNetISR

/// The one reader of the ABI note (`netisr_plugin.h`).
///
/// The note is found by its segment, and never by a section's name: stripping takes the names away, and another tool may
/// have moved the bytes.
enum ABINoteReader {
  static func read(_ image: ELFImage, _ report: inout InspectionReport, _ findings: inout Findings) {
    let name = Array(NETISR_NOTE_NAME.utf8) + [0]
    // Without its NUL or with another case it was meant, and deserves an answer better than "none".
    let candidates = image.notes.filter {
      String(decoding: $0.name.prefix { $0 != 0 }, as: UTF8.self).lowercased() == NETISR_NOTE_NAME.lowercased()
    }
    guard let note = candidates.first else {
      let section = SectionHints(image.file).bytes(in: NETISR_NOTE_SECTION)
      let hint = section > 0 ? ", only a section \(NETISR_NOTE_SECTION) that no note segment (PT_NOTE) covers" : ""
      findings.add(.abiNote, "expected a note named \(NETISR_NOTE_NAME), found none\(hint)")
      return
    }
    guard candidates.count == 1 else {
      findings.add(.abiNote, "expected one note named \(NETISR_NOTE_NAME), found \(candidates.count)")
      return
    }
    if note.name != name {
      findings.add(
        .abiNote,
        """
        expected the name \(NETISR_NOTE_NAME) with one NUL (\(name.count) bytes), found \
        \(String(hexOf: note.name.prefix(32))) (\(note.name.count) bytes)
        """)
    }
    if note.type != UInt32(NETISR_NOTE_TYPE) {
      findings.add(.abiNote, "expected note type \(NETISR_NOTE_TYPE), found \(note.type)")
    }
    check(note.content, &report, &findings)
  }

  private static func check(
    _ content: [UInt8], _ report: inout InspectionReport, _ findings: inout Findings
  ) {
    let expectedSize = MemoryLayout<netisr_abi>.size
    let fixedPart = 12
    guard content.count >= fixedPart else {
      findings.add(.abiNote, "expected a descriptor of \(expectedSize) bytes, found \(content.count)")
      return
    }
    // Magic, size and version keep their places in every version of the note; the rest may change with the major.
    let magic = word(content, 0)
    let size = word(content, 4)
    let major = UInt16(truncatingIfNeeded: word(content, 8))
    let minor = UInt16(word(content, 8) >> 16)
    guard magic == NETISR_NOTE_MAGIC else {
      findings.add(.abiNote, "expected magic \(String(hex: NETISR_NOTE_MAGIC)), found \(String(hex: magic))")
      return
    }
    guard major == UInt16(NETISR_ABI_MAJOR) else {
      findings.add(.abiVersion, "ABI major \(major), host has \(NETISR_ABI_MAJOR)")
      return
    }
    if minor > UInt16(NETISR_ABI_MINOR) {
      findings.add(.abiVersion, "ABI minor \(minor), host has \(NETISR_ABI_MAJOR).\(NETISR_ABI_MINOR)")
    }
    guard content.count == expectedSize, size == UInt32(expectedSize) else {
      findings.add(
        .abiNote,
        "expected a descriptor of \(expectedSize) bytes, found \(content.count), and \(size) in its size field")
      return
    }
    let abi = InspectionReport.ABI(
      major: major, minor: minor, proto: word(content, 20), stateVersion: word(content, 24),
      handlerSize: word(content, 12), mbufSize: word(content, 16), flags: word(content, 28),
      pluginVersion: word(content, 32))
    report.abi = abi
    checkSizes(abi, &findings)
    if abi.flags != 0 { findings.add(.abiNote, "expected no flags, found \(String(hex: abi.flags))") }
    let protocols = 1..<UInt32(NETISR_MAXPROT)
    if !protocols.contains(abi.proto) {
      findings.add(.protocolNumber, "expected a protocol from 1 to \(NETISR_MAXPROT - 1), found \(abi.proto)")
    }
    report.name = name(content[36...], &findings)
  }

  private static func checkSizes(_ abi: InspectionReport.ABI, _ findings: inout Findings) {
    let handler = UInt32(unsafe MemoryLayout<netisr_handler>.size)
    let mbufSize = UInt32(unsafe MemoryLayout<mbuf>.size)
    if abi.handlerSize != handler {
      findings.add(.structSize, "struct netisr_handler has \(abi.handlerSize) bytes, host has \(handler)")
    }
    if abi.mbufSize != mbufSize {
      findings.add(.structSize, "struct mbuf has \(abi.mbufSize) bytes, host has \(mbufSize)")
    }
  }

  private static func name(_ field: ArraySlice<UInt8>, _ findings: inout Findings) -> String? {
    let name = field.prefix { $0 != 0 }
    let isValid = name.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "_"), UInt8(ascii: "-"): true
      default: false
      }
    }
    guard isValid, !name.isEmpty, name.count < field.count, field.dropFirst(name.count).allSatisfy({ $0 == 0 }) else {
      findings.add(
        .abiNote,
        """
        expected a name of 1 to \(NETISR_PLUGIN_NAMELEN - 1) characters out of a-z, 0-9, _ and -, padded with NULs, \
        found \(String(hexOf: field))
        """)
      return nil
    }
    guard !name.elementsEqual("shared".utf8) else {
      findings.add(
        .abiNote, "expected a name of the plugin's own, found \"shared\", which is the tables' that all share")
      return nil
    }
    return String(decoding: name, as: UTF8.self)
  }

  /// The little-endian number at `offset` of `content`, which has it.
  private static func word(_ content: [UInt8], _ offset: Int) -> UInt32 {
    content[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
