import CLibELF

/// A shared object as the loader will see it, with everything it goes by already read.
///
/// All of it comes from the program headers and the dynamic segment. Section headers are for tools: a file runs without
/// them and runs the same when they lie, so they decide nothing here (see ``SectionHints`` for the little they are
/// asked).
struct ELFImage {
  let file: ELFFile
  let segments: Segments
  let dynamic: DynamicSection
  let strings: DynamicStrings
  let relocations: Relocations
  let symbols: DynamicSymbols
  let notes: [ELFNote]

  /// Reads what can be read, and adds a finding for what can not.
  init(_ file: ELFFile, segments: Segments, _ findings: inout Findings) {
    self.file = file
    self.segments = segments
    dynamic = Self.readDynamic(file, segments, &findings)
    strings = DynamicStrings(file, segments, dynamic, &findings)
    relocations = Relocations(file, segments, dynamic, &findings)
    symbols = DynamicSymbols(
      file, segments, dynamic, strings, highestUsed: relocations.highestSymbol, &findings)
    notes = Self.readNotes(file, segments, &findings)
  }

  /// `DT_NEEDED`, in the order of the file.
  var needed: [String] { dynamic.all(DT_NEEDED).compactMap { strings[$0] } }

  private static let maximumNoteBytes: UInt64 = 1 << 16

  private static func readNotes(
    _ file: ELFFile, _ segments: Segments, _ findings: inout Findings
  ) -> [ELFNote] {
    var notes: [ELFNote] = []
    var known: Set<UInt64> = []
    for segment in segments.all where segment.p_type == UInt32(PT_NOTE) && segment.p_filesz > 0 {
      guard segment.p_filesz <= maximumNoteBytes,
        let read = file.notes(at: segment.p_offset, count: segment.p_filesz, alignment: segment.p_align)
      else {
        findings.add(
          .headers,
          """
          expected at most \(maximumNoteBytes) bytes of notes within the file, found \(segment.p_filesz) at \
          \(String(hex: segment.p_offset))
          """)
        continue
      }
      if !read.isComplete {
        findings.add(
          .headers,
          """
          expected whole notes in the segment at \(String(hex: segment.p_offset)), found one that leaves it after \
          \(read.notes.count) others
          """)
      }
      // Two segments may cover the same note; it is still one note.
      notes += read.notes.filter { known.insert($0.offset).inserted }
    }
    return notes
  }
}
