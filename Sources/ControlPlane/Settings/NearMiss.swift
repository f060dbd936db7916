/// What somebody may have meant by a name that does not exist.
enum NearMiss {
  /// The nearest of `names`, if it is near enough: at most a third of the letters differ.
  static func best(for name: String, among names: [String]) -> String? {
    let wanted = Array(name.lowercased().utf8)
    // Nobody means a name of that length, and the distance costs its square.
    guard wanted.count <= 128 else { return nil }
    let nearest = names.map { ($0, distance(wanted, Array($0.utf8))) }.min { $0.1 < $1.1 }
    guard let (best, steps) = nearest, steps <= max(2, best.utf8.count / 3) else { return nil }
    return best
  }

  /// Letters to insert, delete or replace (Levenshtein).
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in b.enumerated() {
        let replaced = diagonal + (left == right ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
