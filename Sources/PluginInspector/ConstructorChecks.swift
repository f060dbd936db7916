import CLibELF

/// Code that the loader runs before the registration symbol is called.
///
/// Every shared object has a little of it: crti.o's `_init`, and crtbeginS.o's `frame_dummy` in `.init_array`, which
/// register for profiling and transactional memory if somebody provides them. Those are no author's doing. They are
/// recognised by their machine code (x86-64), which is the same in every version of gcc of the last ten years, or by the
/// name in the full symbol table, where there is one. Swift's start-up object adds one entry, which calls
/// `swift_addNewDSOImage`; without names it is recognised by that import.
///
/// Both can be imitated. This is a note about what a file does, not a defence: the registration function runs with the
/// same rights a moment later.
enum ConstructorChecks {
  static func check(_ image: ELFImage, _ policy: InspectionPolicy, _ findings: inout Findings) {
    let entries = entries(of: image)
    let names = SectionHints(image.file).functions(at: Set(entries + [image.dynamic[DT_INIT] ?? 0]))
    if let address = image.dynamic[DT_INIT], image.segments.isExecutable(address),
      !isStartUpInit(address, image, names[address])
    {
      findings.add(
        .constructor, "DT_INIT\(describe(address, names[address])) would run when the file is loaded")
    }
    var swiftEntries = image.symbols.all.contains { $0.isUndefined && $0.name == "swift_addNewDSOImage" } ? 1 : 0
    for (index, address) in entries.enumerated() where address != 0 && address != UInt64.max {
      let own = names[address] ?? []
      if isFrameDummy(address, image) || own.contains("frame_dummy") { continue }
      if policy.isHostSanitized && own.contains(where: { sanitizerEntries.contains($0) }) { continue }
      if swiftEntries > 0 && (own.isEmpty || own.contains("_ZL23swift_image_constructorv")) {
        swiftEntries -= 1
        continue
      }
      findings.add(
        .constructor,
        "entry \(index) of DT_INIT_ARRAY\(describe(address, names[address])) would run when the file is loaded")
    }
    checkIndirectFunctions(image, &findings)
  }

  private static let sanitizerEntries: Set<String> = [
    "asan.module_ctor", "tsan.module_ctor", "sancov.module_ctor_trace_pc_guard",
  ]

  private static func describe(_ address: UInt64, _ names: [String]?) -> String {
    let name = names?.first.map { " \($0)" } ?? ""
    return "\(name) at \(String(hex: address))"
  }

  /// The addresses in `DT_INIT_ARRAY`: a relocation's if there is one, else the file's own.
  private static func entries(of image: ELFImage) -> [UInt64] {
    guard let address = image.dynamic[DT_INIT_ARRAY], let size = image.dynamic[DT_INIT_ARRAYSZ], size <= 1 << 20,
      let offset = image.segments.offset(of: address, count: size),
      let stored = image.file.records(UInt64.self, ELF_T_XWORD, at: offset, count: size / 8)
    else { return [] }
    let targets = image.relocations.targets(in: address..<address + size, image.symbols)
    return stored.enumerated().map { index, value in targets[address + UInt64(index) * 8] ?? value }
  }

  private static func checkIndirectFunctions(_ image: ELFImage, _ findings: inout Findings) {
    for symbol in image.symbols.all where !symbol.isUndefined && symbol.type == STT_GNU_IFUNC {
      findings.add(.constructor, "the resolver of \(symbol.name) (GNU_IFUNC) would run when the file is loaded")
    }
    for entry in image.relocations.entries where Relocations.type(entry) == Relocations.indirect {
      findings.add(
        .constructor,
        """
        the resolver at \(String(hex: UInt64(bitPattern: entry.r_addend))) (IRELATIVE) would run when the file is \
        loaded
        """)
    }
  }

  // MARK: Machine code

  /// One byte, or any (nil).
  private typealias Pattern = [UInt8?]
  private static let any4: Pattern = [nil, nil, nil, nil]

  /// crti.o's and crtn.o's `_init`: calls `__gmon_start__` if there is one, and nothing else.
  private static let initCode: Pattern =
    [0x48, 0x83, 0xec, 0x08, 0x48, 0x8b, 0x05] + any4
    + [0x48, 0x85, 0xc0, 0x74, 0x02, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3]

  /// `register_tm_clones`: passes its table's bounds to `_ITM_registerTMCloneTable` if there is one.
  private static let registerClonesCode: Pattern =
    [0x48, 0x8d, 0x3d] + any4 + [0x48, 0x8d, 0x35] + any4
    + [
      0x48, 0x29, 0xfe, 0x48, 0x89, 0xf0, 0x48, 0xc1, 0xee, 0x3f, 0x48, 0xc1, 0xf8, 0x03, 0x48, 0x01, 0xc6, 0x48,
      0xd1, 0xfe, 0x74, nil, 0x48, 0x8b, 0x05,
    ] + any4 + [0x48, 0x85, 0xc0, 0x74, nil, 0xff, 0xe0]

  private static let landingPad: Pattern = [0xf3, 0x0f, 0x1e, 0xfa]

  private static func isStartUpInit(_ address: UInt64, _ image: ELFImage, _ names: [String]?) -> Bool {
    #if arch(x86_64)
      return matches(initCode, at: skippingLandingPad(address, image), image)
    #else
      // No two versions have the same code here; without names we take its word.
      return names?.contains("_init") ?? true
    #endif
  }

  /// `frame_dummy` is one jump to `register_tm_clones`.
  private static func isFrameDummy(_ address: UInt64, _ image: ELFImage) -> Bool {
    #if arch(x86_64)
      let jump = skippingLandingPad(address, image)
      guard let code = bytes(at: jump, count: 2, image) else { return false }
      let target: UInt64
      if code[0] == 0xeb {
        target = jump &+ 2 &+ UInt64(bitPattern: Int64(Int8(bitPattern: code[1])))
      } else if code[0] == 0xe9, let offset = image.segments.offset(of: jump, count: 5),
        let distance = image.file.load(Int32.self, at: offset + 1)
      {
        target = jump &+ 5 &+ UInt64(bitPattern: Int64(distance))
      } else {
        return false
      }
      return matches(registerClonesCode, at: target, image)
    #else
      return false
    #endif
  }

  private static func skippingLandingPad(_ address: UInt64, _ image: ELFImage) -> UInt64 {
    matches(landingPad, at: address, image) ? address &+ 4 : address
  }

  private static func matches(_ pattern: Pattern, at address: UInt64, _ image: ELFImage) -> Bool {
    guard image.segments.isExecutable(address), let code = bytes(at: address, count: pattern.count, image) else {
      return false
    }
    return zip(pattern, code).allSatisfy { $0 == nil || $0 == $1 }
  }

  private static func bytes(at address: UInt64, count: Int, _ image: ELFImage) -> [UInt8]? {
    image.segments.offset(of: address, count: UInt64(count)).flatMap { image.file.copy(at: $0, count: UInt64(count)) }
  }
}
