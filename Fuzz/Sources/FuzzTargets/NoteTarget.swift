import Glibc
import PluginInspector

/// The reader of the ABI note: the input takes the place of a good plugin's note, header and all, as far as it goes.
final class NoteTarget: FuzzTarget {
  private let inspector = Inspector()
  private let plugin: [UInt8]
  private let note: Range<Int>

  /// Sizes of name and content, type, name.
  static let header: [UInt8] = [7, 0, 0, 0, 52, 0, 0, 0, 1, 0, 0, 0] + Array("NetISR\0\0".utf8)

  init(plugin path: String) throws(FuzzFinding) {
    let plugin = try FileBytes.read(path)
    let header = Self.header
    guard
      let start = plugin.indices.dropLast(header.count + 52).first(where: { start in
        plugin[start..<start + header.count].elementsEqual(header)
      })
    else { throw FuzzFinding("\(path): expected an ABI note, found none") }
    self.plugin = plugin
    note = start..<start + header.count + 52
  }

  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    var bytes = plugin
    let part = input.prefix(note.count)
    bytes.replaceSubrange(note.lowerBound..<note.lowerBound + part.count, with: part)
    try InspectorTarget.check(inspector.inspect(bytes: bytes, fileName: "input"))
  }
}
