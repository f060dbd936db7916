import CLibELF

/// The libraries that the loader would bring along, and where it would look for them.
enum LibraryChecks {
  /// Checks the needed libraries against the policy, and opens those that are allowed.
  static func checkNeeded(
    _ image: ELFImage, _ policy: InspectionPolicy, _ findings: inout Findings
  ) -> LibraryScope {
    var allowed: [String] = []
    for entry in image.dynamic.all(DT_NEEDED) {
      guard let name = image.strings[entry] else {
        findings.add(
          .headers, "expected the name of a needed library in the string table, found offset \(entry)")
        continue
      }
      if name.utf8.contains(UInt8(ascii: "/")) {
        findings.add(.neededLibrary, "expected the name of a library, found a path: \(name)")
      } else if !policy.allowsLibrary(name) {
        findings.add(.neededLibrary, "expected only libraries that the policy allows, found \(name)")
      } else {
        allowed.append(name)
      }
    }
    // Filters are loaded as needed libraries are, and take a symbol's place besides.
    for (tag, kind) in [(Int64(DT_FILTER), "DT_FILTER"), (Int64(DT_AUXILIARY), "DT_AUXILIARY")] {
      for entry in image.dynamic.all(tag) {
        findings.add(
          .neededLibrary, "expected needed libraries only, found \(kind) \(image.strings[entry] ?? "without a name")")
      }
    }
    return LibraryScope(allowed, runPath: absoluteRunPath(of: image), policy, &findings)
  }

  /// Entries of `DT_RPATH` and `DT_RUNPATH`, with the tag's name.
  private static func runPath(of image: ELFImage) -> [(tag: String, entries: [String])] {
    [("DT_RPATH", Int64(DT_RPATH)), ("DT_RUNPATH", Int64(DT_RUNPATH))].flatMap { name, tag in
      image.dynamic.all(tag).map { index in
        let path = image.strings[index]
        return (name, path?.split(separator: ":", omittingEmptySubsequences: false).map(String.init) ?? [""])
      }
    }
  }

  private static let searchedDirectories = 64

  private static func absoluteRunPath(of image: ELFImage) -> [String] {
    let directories = runPath(of: image).flatMap(\.entries)
      .filter { $0.hasPrefix("/") && !$0.utf8.contains(UInt8(ascii: "$")) }
    return Array(directories.prefix(searchedDirectories))
  }

  /// A relative entry, and an empty one, mean the directory that the process happens to be in.
  ///
  /// `$ORIGIN` is fine, though anybody could put a library beside a plugin: the loader never sees the plugin's own
  /// directory. It is given a sealed memory file under `/proc/self/fd`, where the only names are numbers, and no library
  /// is called that. SwiftPM adds `$ORIGIN` to everything it links. From there, however, `..` leads to `/proc/self`,
  /// whose `cwd` and `root` are relative paths again, in disguise.
  static func checkRunPath(_ image: ELFImage, _ findings: inout Findings) {
    for (tag, entries) in runPath(of: image) {
      for entry in entries {
        let components = entry.split(separator: "/", omittingEmptySubsequences: false)
        let isAbsolute = entry.hasPrefix("/")
        let isOrigin = ["$ORIGIN", "${ORIGIN}"].contains(components.first)
        let leaves = components.contains("..") && components.contains { ["cwd", "root"].contains($0) }
        if !isAbsolute && (!isOrigin || leaves) {
          findings.add(
            .runPath,
            "expected absolute paths or $ORIGIN in \(tag), found \(entry.isEmpty ? "an empty entry" : entry)")
        }
      }
    }
  }
}
