/// The libraries that a plugin's symbols are looked up in: those it needs, and those that they need in turn.
struct LibraryScope {
  /// What the plugin itself needs and the policy allows, in its order.
  let names: [String]
  private var libraries: [(name: String, index: LibraryIndex)] = []

  /// In every process, so that a plugin gets its symbols even without asking for it by name.
  private static let alwaysThere = "libc.so.6"

  init(_ names: [String], runPath: [String], _ policy: InspectionPolicy, _ findings: inout Findings) {
    self.names = names
    var queue = names.map { (name: $0, user: String?.none) }
    if policy.allowsLibrary(Self.alwaysThere) { queue.append((Self.alwaysThere, nil)) }
    var runPath = runPath
    var seen: Set<String> = []
    var next = 0
    // Breadth first, as the loader's own search list.
    while next < queue.count {
      let (name, user) = queue[next]
      next += 1
      guard seen.insert(name).inserted else { continue }
      guard let index = SymbolResolver.find(name, runPath: runPath, policy) else {
        let places = (runPath + policy.libraryDirectories).joined(separator: ", ")
        findings.add(
          .neededLibrary,
          "expected \(name)\(user.map { ", which \($0) needs," } ?? "") in \(places), found none for this machine")
        continue
      }
      libraries.append((name, index))
      queue += index.needed.map { ($0, name) }
      // Libraries of one family lie together and find each other by $ORIGIN: the toolchain's do.
      let directory = index.path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
      if !runPath.contains(directory) && !policy.libraryDirectories.contains(directory) { runPath.append(directory) }
    }
  }

  subscript(name: String) -> LibraryIndex? { libraries.first { $0.name == name }?.index }

  func provides(_ symbol: String, _ version: SymbolVersion?) -> Bool {
    libraries.contains { $0.index.provides(symbol, version) }
  }
}
