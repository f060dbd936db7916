import CLibELF

/// What a plugin defines and what it asks for by name.
enum SymbolChecks {
  static let registrationSymbol = "netisr_plugin_register"

  static func checkRegistration(_ image: ELFImage, _ findings: inout Findings) {
    let name = registrationSymbol
    guard let symbol = image.symbols.lookup(name) else {
      let same = image.symbols.all.first { $0.name == name }
      let found =
        switch same {
        case .none: "none"
        case .some(let symbol) where symbol.isUndefined: "it undefined"
        case .some: "it outside of the hash table, where the loader does not see it"
        }
      findings.add(.registrationSymbol, "expected \(name) defined in the dynamic symbol table, found \(found)")
      return
    }
    func expect(_ isGood: Bool, _ expected: String, _ found: String) {
      if !isGood { findings.add(.registrationSymbol, "expected \(name) \(expected), found \(found)") }
    }
    expect(symbol.binding == STB_GLOBAL, "with binding GLOBAL", symbol.bindingName)
    // A protected symbol is found by others as a default one is; Swift makes all its public functions so.
    expect(
      [STV_DEFAULT, STV_PROTECTED].contains(symbol.visibility), "with visibility DEFAULT or PROTECTED",
      symbol.visibilityName)
    expect(symbol.type == STT_FUNC, "of type FUNC", symbol.typeName)
    expect(symbol.entry.st_shndx != UInt16(SHN_ABS), "in a section", "an absolute value")
    expect(
      image.segments.isExecutable(symbol.entry.st_value), "inside an executable segment",
      "it at \(String(hex: symbol.entry.st_value))")
  }

  static func checkExports(_ image: ELFImage, _ policy: InspectionPolicy, _ findings: inout Findings) {
    for symbol in image.symbols.all where symbol.isExported && policy.hostExports.contains(symbol.name) {
      findings.add(.symbolCollision, "\(symbol.name) is defined here and exported by the host, whose own comes first")
    }
  }

  static func checkImports(_ image: ELFImage, _ policy: InspectionPolicy, _ findings: inout Findings) {
    for symbol in image.symbols.all where symbol.isUndefined {
      let name = symbol.name
      if let rule = policy.importRules.first(where: { $0.matches(name) }) {
        let reason = "\(name): the policy has '\(rule.pattern): \(rule.verdict.rawValue)'"
        switch rule.verdict {
        case .allow: continue
        case .report: findings.add(.sensitiveImport, reason)
        case .refuse: findings.add(.refusedImport, reason)
        }
      } else if policy.reportsSensitiveImports, let reason = SensitiveImports.reason(for: name) {
        findings.add(.sensitiveImport, "\(name): \(reason)")
      }
    }
  }

  /// Every symbol that the loader must find: from the host, or from the needed libraries and what they need.
  static func checkUndefined(
    _ image: ELFImage, _ policy: InspectionPolicy, _ libraries: LibraryScope, _ findings: inout Findings
  ) {
    var missing: Set<SymbolVersion> = []
    for requirement in image.symbols.versions.required where !requirement.isWeak {
      guard let library = libraries[requirement.library] else { continue }
      if !library.versions.contains(requirement.version) {
        missing.insert(SymbolVersion(name: requirement.version, library: requirement.library))
        findings.add(
          .undefinedSymbol,
          "expected version \(requirement.version) in \(requirement.library), found none in \(library.path)")
      }
    }
    for symbol in image.symbols.all.dropFirst() where symbol.isUndefined && !symbol.isWeak {
      if policy.hostExports.contains(symbol.name) || policy.providesSanitizer(symbol.name) { continue }
      if let version = symbol.version, missing.contains(version) { continue }
      if libraries.provides(symbol.name, symbol.version) { continue }
      let wanted = symbol.name + (symbol.version.map { "@" + $0.name } ?? "")
      let places = libraries.names.isEmpty ? "no needed library" : libraries.names.joined(separator: ", ")
      findings.add(.undefinedSymbol, "\(wanted): not among the host's exports, and not in \(places)")
    }
  }
}
