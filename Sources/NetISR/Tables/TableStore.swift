import CNetISR
import Glibc
import Synchronization

/// One version of a table: what one owner keeps in it under one state version, in all vnets.
///
/// | what | exclusion |
/// |---|---|
/// | contents | made under `lock`, once for each vnet; found by one load |
/// | the store itself | unreachable before it is freed: see `TableRegistry` |
@safe
struct TableStore: ~Copyable {
  static let vnetLimit = Vnets.limit

  /// Never used again.
  let serial: UInt64
  let name: String
  let owner: PluginIdentity
  let shape: TableShape
  let maxEntries: Atomic<Int>
  private let hash = SipHash.random()
  private let lock = Lock()
  // `vnetLimit` pointers to a HashTable or a PrefixTable, by the shape's kind, or NULL; from init to deinit.
  private let contents: UnsafeMutablePointer<Atomic<UnsafeMutableRawPointer?>>

  init(serial: UInt64, name: String, owner: PluginIdentity, shape: TableShape, maxEntries: Int) {
    self.serial = serial
    self.name = name
    self.owner = owner
    self.shape = shape
    self.maxEntries = Atomic(maxEntries)
    unsafe contents = .allocate(capacity: Self.vnetLimit)
    for vnet in 0..<Self.vnetLimit { unsafe (contents + vnet).initialize(to: Atomic(nil)) }
  }

  deinit {
    for vnet in 0..<Self.vnetLimit {
      switch content(UInt32(vnet)) {
      case .hash(let table):
        unsafe table.deinitialize(count: 1)
        unsafe table.deallocate()
      case .prefix(let table):
        unsafe table.deinitialize(count: 1)
        unsafe table.deallocate()
      case .none: break
      }
    }
    unsafe contents.deallocate()
  }

  /// A table in one vnet.
  @safe
  enum Content {
    case none
    case hash(UnsafeMutablePointer<HashTable>)
    case prefix(UnsafeMutablePointer<PrefixTable>)
  }

  /// What is in a vnet below `vnetLimit`.
  @inline(__always)
  func content(_ vnet: UInt32) -> Content {
    // Acquire: pairs with the release in `makeContent`, which then was initialised before.
    guard let found = unsafe contents[Int(vnet)].load(ordering: .acquiring) else { return .none }
    return unsafe shape.isHash
      ? .hash(found.assumingMemoryBound(to: HashTable.self)) : .prefix(found.assumingMemoryBound(to: PrefixTable.self))
  }

  /// The same; made when it is not there.
  @inline(__always)
  func contentForWriting(_ vnet: UInt32) -> Content {
    let found = content(vnet)
    if case .none = found { return makeContent(vnet) }
    return found
  }

  @inline(never)
  private func makeContent(_ vnet: UInt32) -> Content {
    lock.withLock {
      if unsafe contents[Int(vnet)].load(ordering: .relaxed) == nil {
        let made: UnsafeMutableRawPointer
        if shape.isHash {
          let table = UnsafeMutablePointer<HashTable>.allocate(capacity: 1)
          unsafe table.initialize(to: HashTable(shape: shape, hash: hash))
          unsafe made = UnsafeMutableRawPointer(table)
        } else {
          let table = UnsafeMutablePointer<PrefixTable>.allocate(capacity: 1)
          unsafe table.initialize(to: PrefixTable(shape: shape))
          unsafe made = UnsafeMutableRawPointer(table)
        }
        unsafe contents[Int(vnet)].store(made, ordering: .releasing)
      }
    }
    return content(vnet)
  }
}
