import CLibYAML
import Glibc

// Safe: the document is private, and lives from init to deinit; nodes are only looked up in it, by their own numbers.

/// A YAML file, read whole, and looked at node by node. Nothing is followed on its own, so that a file whose parts
/// stand for each other in a circle harms nobody.
@safe
final class YAMLFile {
  /// A node: what it is, and the line where it begins, from 1.
  struct Node {
    enum Content {
      case scalar(String)
      case list([Int32])
      case map([(key: Int32, value: Int32)])
    }

    var content: Content
    var line: Int
  }

  /// More is no configuration.
  private static let longest = 1 << 20

  private let path: String
  private var document = unsafe yaml_document_t()

  /// Reads a file.
  init(_ path: String) throws(ControlError) {
    self.path = path
    guard let file = unsafe fopen(path, "re") else {
      throw ControlError(.failed, unsafe "\(path): \(String(cString: strerror(errno)))")
    }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: Self.longest + 1)
    let count = unsafe fread(&bytes, 1, bytes.count, file)
    guard unsafe ferror(file) == 0 else {
      throw ControlError(.failed, unsafe "\(path): \(String(cString: strerror(errno)))")
    }
    guard count <= Self.longest else { throw ControlError(.badRequest, "\(path): longer than \(Self.longest) bytes") }

    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else { throw ControlError(.failed, "\(path): no memory") }
    defer { unsafe yaml_parser_delete(&parser) }
    let isLoaded = unsafe bytes.withUnsafeBufferPointer { text in
      unsafe yaml_parser_set_input_string(&parser, text.baseAddress, count)
      return unsafe yaml_parser_load(&parser, &document) == 1
    }
    guard isLoaded else {
      let problem = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "not YAML"
      // Errors of the reader have an offset in the place of a mark.
      let line = unsafe parser.error == YAML_READER_ERROR ? "" : ":\(parser.problem_mark.line + 1)"
      throw ControlError(.badRequest, "\(path)\(line): \(problem)")
    }
  }

  deinit { unsafe yaml_document_delete(&document) }

  /// The file's one node at the top; nil when there is nothing in it.
  var root: Int32? { unsafe yaml_document_get_root_node(&document) == nil ? nil : 1 }

  /// The node with a number that another node, or `root`, has given.
  subscript(_ number: Int32) -> Node {
    // The parser gives only numbers of nodes that there are.
    guard let node = unsafe yaml_document_get_node(&document, number) else { preconditionFailure("no node \(number)") }
    let line = unsafe Int(node.pointee.start_mark.line) + 1
    switch unsafe node.pointee.type {
    case YAML_SCALAR_NODE:
      let scalar = unsafe node.pointee.data.scalar
      let text = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      return Node(content: .scalar(unsafe String(decoding: text, as: UTF8.self)), line: line)
    case YAML_SEQUENCE_NODE:
      let items = unsafe node.pointee.data.sequence.items
      let count = unsafe items.start.distance(to: items.top)
      return Node(content: .list((0..<count).map { unsafe items.start[$0] }), line: line)
    case YAML_MAPPING_NODE:
      let pairs = unsafe node.pointee.data.mapping.pairs
      let count = unsafe pairs.start.distance(to: pairs.top)
      return Node(
        content: .map((0..<count).map { unsafe (key: pairs.start[$0].key, value: pairs.start[$0].value) }), line: line)
    default: return Node(content: .scalar(""), line: line)
    }
  }

  /// An error at a line.
  func error(_ line: Int, _ text: String) -> ControlError { ControlError(.badRequest, "\(path):\(line): \(text)") }

  /// A node that is a text.
  func text(_ number: Int32, of what: String) throws(ControlError) -> String {
    let node = self[number]
    guard case .scalar(let text) = node.content else { throw error(node.line, "\(what): expected one value") }
    return text
  }
}
