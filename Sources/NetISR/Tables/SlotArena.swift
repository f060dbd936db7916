import Glibc

/// Memory for records of one size, known by numbers from 1: it grows by chunks, each twice as large as the one before,
/// so that a record never moves and nothing is copied when there are many. Freed records are used again; the memory
/// stays with the arena. Not safe for threads by itself.
@safe
struct SlotArena: ~Copyable {
  /// The number of no record.
  static let none: UInt32 = 0

  private static let firstChunk = 16
  private static let chunkCount = 24

  private let stride: Int
  // `chunkCount` pointers; those of chunks that were needed so far are not NULL.
  private let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private var used: UInt32 = 0
  private var firstFree = SlotArena.none

  /// Records of `stride` bytes, a multiple of 16, with that alignment.
  init(stride: Int) {
    self.stride = stride
    unsafe chunks = .allocate(capacity: Self.chunkCount)
    unsafe chunks.initialize(repeating: nil, count: Self.chunkCount)
  }

  deinit {
    for chunk in 0..<Self.chunkCount { unsafe Glibc.free(chunks[chunk]) }
    unsafe chunks.deallocate()
  }

  /// The record with that number, which must have been allocated.
  @inline(__always)
  subscript(_ number: UInt32) -> UnsafeMutableRawPointer {
    let index = Int(number) &- 1
    let chunk = Self.chunk(of: index)
    let first = Self.firstChunk &* ((1 &<< chunk) &- 1)
    // In bounds: chunk k holds the 16 * 2^k records from 16 * (2^k - 1) on.
    return unsafe chunks[chunk].unsafelyUnwrapped + (index &- first) &* stride
  }

  /// A record whose bytes are not set; nil without memory.
  mutating func allocate() -> UInt32? {
    if firstFree != Self.none {
      let number = firstFree
      firstFree = unsafe self[number].load(as: UInt32.self)
      return number
    }
    let chunk = Self.chunk(of: Int(used))
    guard chunk < Self.chunkCount else { return nil }
    if unsafe chunks[chunk] == nil {
      guard let memory = unsafe aligned_alloc(16, (Self.firstChunk << chunk) * stride) else { return nil }
      unsafe chunks[chunk] = unsafe memory
    }
    used += 1
    return used
  }

  /// Gives a record back.
  mutating func free(_ number: UInt32) {
    unsafe self[number].storeBytes(of: firstFree, as: UInt32.self)
    firstFree = number
  }

  /// Bytes of all chunks.
  var memory: Int {
    (0..<Self.chunkCount).reduce(0) { unsafe chunks[$1] == nil ? $0 : $0 + (Self.firstChunk << $1) * stride }
  }

  @inline(__always)
  private static func chunk(of index: Int) -> Int {
    (index / firstChunk &+ 1)._binaryLogarithm()
  }
}
