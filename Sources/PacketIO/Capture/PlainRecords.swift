import CLibPcap

#if canImport(Glibc)
  import Glibc
#endif

// Safe: `block` is private, has `blockSize` bytes from init to deinit, and `begin` <= `end` <= `blockSize`.

/// The records of a classic pcap file, as long as nothing about them is out of the ordinary.
///
/// What: records are found in blocks of the file and shown where they lie there. A record that isn't wholly inside of the
/// file, or is longer than the snapshot length, or than a block, is not taken: libpcap reads it from the same offset,
/// and finds the words when it is damage. So there is one judge of what a damaged file is.
///
/// Why: libpcap takes 150 ns and more a packet: three calls of stdio, and a system call each 4 KiB. This takes what the
/// copy out of the page cache costs, which is most of 60 ns for packets of 500 bytes, read by a loop that does nothing else.
/// Rejected: mmap, which costs the same with prefetch, and more without, and turns a file that shrinks
/// meanwhile into SIGBUS; blocks of 1 MiB (1 ns less), and of 64 KiB (5 ns more).
///
/// What libpcap reads from the start: pcapng, what is no regular file, versions other than 2.4 (the fields changed places),
/// the magic number of A. Kuznetzov's patch (longer records), and cooked captures of the other byte order, in whose
/// CAN frames it also turns fields of the payload.
@safe
struct PlainRecords: ~Copyable {
  static let blockSize = 256 << 10
  private static let recordHeader = 16
  private static let fileHeader = 24

  /// Where the next record begins in the file, in bytes.
  private(set) var offset = Self.fileHeader

  private let descriptor: Int32
  private let isSwapped: Bool
  private let nanosecondsPerUnit: UInt32
  /// The most that a record may hold, in bytes.
  private let limit: UInt32
  private let block: UnsafeMutableRawPointer
  // The part of the block that is read and not yet shown; the byte at `begin` is the file's at `offset`.
  private var begin = 0
  private var end = 0

  /// The records of a file; nil when it is one for libpcap alone.
  ///
  /// - Parameters:
  ///   - handle: libpcap's, which has read the file's header, and found it good.
  ///   - descriptor: the file, which stays open as long as this lives; its position is not used.
  static func of(_ handle: OpaquePointer, descriptor: Int32) -> PlainRecords? {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      unsafe pcap_major_version(handle) == 2, unsafe pcap_minor_version(handle) == 4,
      let units = nanosecondsPerUnit(descriptor)
    else { return nil }
    let isSwapped = unsafe pcap_is_swapped(handle) != 0
    let linkType = unsafe pcap_datalink(handle)
    guard !isSwapped || (linkType != DLT_LINUX_SLL && linkType != DLT_LINUX_SLL2) else { return nil }
    // Beyond the second, libpcap calls a length insane.
    let limit = min(UInt32(clamping: unsafe pcap_snapshot(handle)), 262_144)
    return PlainRecords(descriptor, isSwapped, units, limit)
  }

  private init(_ descriptor: Int32, _ isSwapped: Bool, _ nanosecondsPerUnit: UInt32, _ limit: UInt32) {
    self.descriptor = descriptor
    self.isSwapped = isSwapped
    self.nanosecondsPerUnit = nanosecondsPerUnit
    self.limit = limit
    unsafe block = .allocate(byteCount: Self.blockSize, alignment: 4096)
  }

  deinit { unsafe block.deallocate() }

  /// The next record and its bytes, good until the next call; nil when libpcap has to look at what is at `offset`.
  @inline(__always)
  mutating func next() -> (bytes: UnsafeRawBufferPointer, wireLength: UInt32, timestamp: UInt64)? {
    guard isInBlock(Self.recordHeader) else { return nil }
    let captured = word(at: 8)
    guard captured <= limit, isInBlock(Self.recordHeader &+ Int(captured)) else { return nil }
    // No overflow: 2^32 * 10^9 + 2^32 is less than 2^64. libpcap's sum of microseconds has 32 bits, too.
    let timestamp = UInt64(word(at: 0)) &* 1_000_000_000 &+ UInt64(word(at: 4) &* nanosecondsPerUnit)
    let wireLength = word(at: 12)
    // In bounds: isInBlock() has said so.
    let bytes = unsafe UnsafeRawBufferPointer(start: block + (begin &+ Self.recordHeader), count: Int(captured))
    let size = Self.recordHeader &+ Int(captured)
    begin &+= size
    offset &+= size
    return unsafe (bytes, wireLength, timestamp)
  }

  /// Goes on at another place of the file.
  mutating func move(to offset: Int) {
    self.offset = offset
    begin = 0
    end = 0
  }

  /// The field `position` bytes behind the beginning of the record, whose header is in the block.
  @inline(__always)
  private func word(at position: Int) -> UInt32 {
    let value = unsafe block.loadUnaligned(fromByteOffset: begin &+ position, as: UInt32.self)
    return isSwapped ? value.byteSwapped : value
  }

  /// Whether the next `count` bytes of the file are in the block, from `begin` on. Reads when they are not.
  @inline(__always)
  private mutating func isInBlock(_ count: Int) -> Bool {
    end &- begin >= count || fill(count)
  }

  @inline(never)
  private mutating func fill(_ count: Int) -> Bool {
    guard count <= Self.blockSize else { return false }
    // In bounds: begin <= end <= blockSize, and what is read goes behind what is left.
    unsafe memmove(block, block + begin, end - begin)
    end -= begin
    begin = 0
    while end < count {
      let got = unsafe pread(descriptor, block + end, Self.blockSize - end, off_t(offset + end))
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else { return false }
      end += got
    }
    return true
  }

  /// By the magic number, in either byte order; nil when it is neither of the two that stand for plain records.
  private static func nanosecondsPerUnit(_ descriptor: Int32) -> UInt32? {
    var magic: UInt32 = 0
    guard unsafe pread(descriptor, &magic, 4, 0) == 4 else { return nil }
    switch magic {
    case 0xa1b2_c3d4, 0xd4c3_b2a1: return 1000
    case 0xa1b2_3c4d, 0x4d3c_b2a1: return 1
    default: return nil
    }
  }
}
