/// Lines of columns, each as wide as its widest text.
struct TextTable {
  /// On which side of a column its texts stand.
  enum Side {
    case left, right
  }

  private let columns: [(title: String, side: Side)]
  private var rows: [[String]] = []

  init(_ columns: [(String, Side)]) {
    self.columns = columns.map { (title: $0.0, side: $0.1) }
  }

  /// Adds a row, with a text for each column.
  mutating func add(_ texts: [String]) {
    precondition(texts.count == columns.count, "a row of \(columns.count) columns has \(texts.count) texts")
    rows.append(texts)
  }

  /// Title line and rows, each with a line end.
  var text: String { lines.map { $0 + "\n" }.joined() }

  /// Title line and rows.
  var lines: [String] {
    let all = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (index, text) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - text.count)
        line += (index == 0 ? "" : "  ") + (columns[index].side == .left ? text + padding : padding + text)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
