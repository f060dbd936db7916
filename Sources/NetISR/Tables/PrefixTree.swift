import Glibc

/// A binary trie with compressed paths: longest-prefix match in as many steps as there are branches on the way, never
/// more than the address has bits.
///
/// Each node is a prefix; its children lie below it, one for each value of the first bit behind it. A node without a
/// value is there because two prefixes part at it, so it has two children: n prefixes take at most 2n - 1 nodes.
/// Rejected: hash tables by prefix length, which cost a look-up for each length in use, and multibit tries, which are
/// faster for full Internet tables but much larger for the common few routes. Not safe for threads by itself.
@safe
struct PrefixTree: ~Copyable {
  private struct Node {
    var prefix: Prefix
    var children: (UInt32, UInt32) = (SlotArena.none, SlotArena.none)
    /// A record in `values`, or none: a branch only.
    var value = SlotArena.none
    var spare: UInt32 = 0
  }

  private let valueSize: Int
  private var nodes: SlotArena
  private var values: SlotArena
  private var root = SlotArena.none
  private(set) var count = 0

  init(valueSize: Int) {
    self.valueSize = valueSize
    nodes = SlotArena(stride: (MemoryLayout<Node>.stride + 15) & ~15)
    values = SlotArena(stride: (valueSize + 15) & ~15)
  }

  /// Bytes of its nodes and values.
  var memory: Int { nodes.memory + values.memory }

  /// The value of exactly this prefix.
  func find(_ prefix: Prefix) -> UnsafeMutableRawPointer? {
    var number = root
    while number != SlotArena.none {
      let node = unsafe self.node(number)
      let length = unsafe node.pointee.prefix.length
      guard length <= prefix.length, unsafe node.pointee.prefix.commonLength(prefix) == length else { return nil }
      if length == prefix.length {
        return unsafe node.pointee.value == SlotArena.none ? nil : values[node.pointee.value]
      }
      number = unsafe child(node, prefix.bit(length))
    }
    return nil
  }

  /// The longest prefix that covers an address.
  @inline(__always)
  func match(_ address: Prefix) -> (value: UnsafeMutableRawPointer, length: Int)? {
    var best = SlotArena.none
    var bestLength = 0
    var number = root
    while number != SlotArena.none {
      let node = unsafe self.node(number)
      let length = unsafe node.pointee.prefix.length
      guard unsafe node.pointee.prefix.commonLength(address) == length else { break }
      if unsafe node.pointee.value != SlotArena.none {
        best = unsafe node.pointee.value
        bestLength = length
      }
      if length == address.length { break }
      number = unsafe child(node, address.bit(length))
    }
    return unsafe best == SlotArena.none ? nil : (values[best], bestLength)
  }

  /// A new, all-zero value for a prefix that has none; nil without memory, and then nothing has changed.
  mutating func make(_ prefix: Prefix) -> UnsafeMutableRawPointer? {
    guard let value = values.allocate() else { return nil }
    // Where the number of the node under consideration is kept: a child of `parent`, or the root.
    var parent = SlotArena.none
    var number = root
    while number != SlotArena.none {
      let node = unsafe self.node(number)
      let length = unsafe node.pointee.prefix.length
      let common = unsafe node.pointee.prefix.commonLength(prefix)
      if common < length {
        // The new prefix lies above this node, or beside it below a new branch.
        guard insert(prefix, value, above: number, below: parent, common: common) else {
          values.free(value)
          return nil
        }
        break
      }
      if length == prefix.length {
        unsafe node.pointee.value = value
        break
      }
      parent = number
      number = unsafe child(node, prefix.bit(length))
    }
    if number == SlotArena.none {
      guard let leaf = makeNode(Node(prefix: prefix, value: value)) else {
        values.free(value)
        return nil
      }
      replace(under: parent, at: prefix, with: leaf)
    }
    count += 1
    unsafe memset(values[value], 0, valueSize)
    return unsafe values[value]
  }

  /// Removes a prefix that has a value.
  mutating func remove(_ prefix: Prefix) {
    var grandparent = SlotArena.none
    var parent = SlotArena.none
    var number = root
    while number != SlotArena.none {
      let node = unsafe self.node(number)
      if unsafe node.pointee.prefix.length == prefix.length { break }
      grandparent = parent
      parent = number
      number = unsafe child(node, prefix.bit(node.pointee.prefix.length))
    }
    guard number != SlotArena.none, unsafe node(number).pointee.value != SlotArena.none else { return }
    let node = unsafe self.node(number)
    unsafe values.free(node.pointee.value)
    unsafe node.pointee.value = SlotArena.none
    count -= 1
    let (left, right) = unsafe node.pointee.children
    if left != SlotArena.none && right != SlotArena.none { return }
    replace(under: parent, at: prefix, with: left != SlotArena.none ? left : right)
    nodes.free(number)
    // A branch that has lost one of its two children is none any more.
    guard left == SlotArena.none, right == SlotArena.none, parent != SlotArena.none,
      unsafe self.node(parent).pointee.value == SlotArena.none
    else { return }
    let (first, second) = unsafe self.node(parent).pointee.children
    let orphan = first != SlotArena.none ? first : second
    unsafe replace(under: grandparent, at: self.node(parent).pointee.prefix, with: orphan)
    nodes.free(parent)
  }

  /// All prefixes that have a value, at the time of the call.
  func prefixes() -> [Prefix] {
    var found: [Prefix] = []
    var stack = [root]
    while let number = stack.popLast() {
      if number == SlotArena.none { continue }
      let node = unsafe self.node(number)
      if unsafe node.pointee.value != SlotArena.none { unsafe found.append(node.pointee.prefix) }
      unsafe stack.append(node.pointee.children.1)
      unsafe stack.append(node.pointee.children.0)
    }
    return found
  }

  @inline(__always)
  private func node(_ number: UInt32) -> UnsafeMutablePointer<Node> {
    unsafe nodes[number].assumingMemoryBound(to: Node.self)
  }

  @inline(__always)
  private func child(_ node: UnsafeMutablePointer<Node>, _ bit: Int) -> UInt32 {
    unsafe bit == 0 ? node.pointee.children.0 : node.pointee.children.1
  }

  private func setChild(_ number: UInt32, _ bit: Int, _ child: UInt32) {
    if bit == 0 {
      unsafe node(number).pointee.children.0 = child
    } else {
      unsafe node(number).pointee.children.1 = child
    }
  }

  private mutating func makeNode(_ node: Node) -> UInt32? {
    guard let number = nodes.allocate() else { return nil }
    unsafe self.node(number).initialize(to: node)
    return number
  }

  /// Puts a node where `parent` has the way to `prefix`.
  private mutating func replace(under parent: UInt32, at prefix: Prefix, with number: UInt32) {
    if parent == SlotArena.none {
      root = number
    } else {
      unsafe setChild(parent, prefix.bit(node(parent).pointee.prefix.length), number)
    }
  }

  private mutating func insert(
    _ prefix: Prefix, _ value: UInt32, above number: UInt32, below parent: UInt32, common: Int
  ) -> Bool {
    let below = unsafe node(number).pointee.prefix
    guard let new = makeNode(Node(prefix: prefix, value: value)) else { return false }
    if common == prefix.length {
      setChild(new, below.bit(common), number)
      replace(under: parent, at: prefix, with: new)
      return true
    }
    guard let branch = makeNode(Node(prefix: prefix.shortened(to: common))) else {
      nodes.free(new)
      return false
    }
    setChild(branch, below.bit(common), number)
    setChild(branch, prefix.bit(common), new)
    replace(under: parent, at: prefix, with: branch)
    return true
  }
}
