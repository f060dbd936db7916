import CPacketIO
import Glibc

/// A packet socket with a memory-mapped ring, from which frames are copied into mbufs.
///
/// They are copied, and not lent out of the ring: a protocol may keep a packet for as long as it likes (a fragment, a
/// packet that waits for its neighbour), and with it would keep a block of a quarter of a megabyte from the kernel; a
/// copy of a short frame costs less than the reference count that would have to tell when the block is free.
///
/// Safe: the ring is mapped from init to deinit, and only the one thread that receives walks it.
@safe
final class ReceiveRing: FrameSource, @unchecked Sendable {
  /// A block holds the longest frame that a device can hand over, which stands for many on the wire, several times.
  private static let blockSize: UInt32 = 256 << 10
  /// 16 MiB: at a million frames a second, of 60 bytes, 100 ms of them. The kernel gives a block out a millisecond after its
  /// first frame, however few there are: of a trickle, it is the number of blocks that says for how long the reader may be
  /// held up.
  private static let blockCount: UInt32 = 64

  let linkType: LinkType
  private var ring: packetio_ring
  /// The block that is looked at, and of it the frames that were not taken yet, the next of them at `offset`.
  private var next: UInt32 = 0
  private var left = 0
  private var offset = 0
  private var segmenter = Segmenter()

  /// A ring of the device with that index, which takes nothing before `start`.
  init(device: String, index: UInt32, linkType: LinkType, reach: packetio_reach) throws(LiveError) {
    self.linkType = linkType
    var ring = unsafe packetio_ring()
    let result = unsafe packetio_ring_open(index, Self.blockSize, Self.blockCount, reach, &ring)
    guard result == 0 else { throw LiveError(result, of: device, capability: "CAP_NET_RAW") }
    unsafe self.ring = unsafe ring
  }

  deinit { unsafe packetio_ring_close(&ring) }

  /// Shares what comes in with the other rings of a group; 0 is none yet.
  func join(_ group: inout UInt16, device: String) throws(LiveError) {
    let result = unsafe packetio_ring_join(&ring, &group)
    guard result == 0 else { throw LiveError(result, of: "\(device): sharing among queues", capability: "CAP_NET_RAW") }
  }

  /// Takes frames from now on.
  func start(device: String) throws(LiveError) {
    let result = unsafe packetio_ring_start(&ring)
    guard result == 0 else { throw LiveError(result, of: device, capability: "CAP_NET_RAW") }
  }

  var descriptor: Int32 { unsafe ring.fd }

  func takeDrops() -> UInt64 { unsafe UInt64(packetio_ring_drops(&ring)) }

  /// Takes frames of the next block; with its last one the block goes back.
  func receive(into receiver: inout FrameReceiver, limit: Int) -> Int {
    if left == 0, !enterBlock() { return 0 }
    let most = min(left, limit)
    var count = 0
    var frame = unsafe packetio_frame()
    while count < most, !receiver.isFull {
      offset = unsafe packetio_frame_read(&ring, offset, &frame)
      unsafe receive(frame, into: &receiver)
      count += 1
    }
    left -= count
    if left == 0 { leaveBlock() }
    return count
  }

  /// Whether the next block is ours, and has frames.
  private func enterBlock() -> Bool {
    guard unsafe packetio_block_is_ours(&ring, next) else {
      // That the device went down is said once; the ring goes on when it is up again.
      _ = unsafe packetio_socket_error(ring.fd)
      return false
    }
    left = unsafe Int(packetio_block_frames(&ring, next))
    offset = unsafe packetio_block_first(&ring, next)
    if left == 0 { leaveBlock() }
    return left > 0
  }

  private func leaveBlock() {
    unsafe packetio_block_return(&ring, next)
    next = (next + 1) % Self.blockCount
  }

  /// One frame. Its bytes are ours until its block goes back.
  private func receive(_ frame: packetio_frame, into receiver: inout FrameReceiver) {
    let bytes = unsafe UnsafeMutableRawBufferPointer(start: frame.data, count: Int(frame.length))
    let record = unsafe CapturedFrame(number: 0, wireLength: Int(frame.wirelength), timestamp: frame.time)
    var offload = FrameOffload()
    if unsafe frame.checksum_is_good { offload.setChecksumValid() }
    if unsafe frame.needs_checksum {
      let (start, field) = unsafe (Int(frame.checksum_start), Int(frame.checksum_offset))
      if unsafe frame.gso_size != 0 {
        offload.setChecksumValid()
      } else if unsafe Checksum.complete(bytes, from: start, fieldAt: field) {
        offload.setChecksumValid()
      }
    }
    if unsafe frame.has_tag {
      if unsafe frame.tag_type == 0x8100 {
        offload.tag = unsafe frame.tag
      } else {
        // The packet header has no room for the type of a tag: it goes back into the frame.
        return unsafe receiveTagged(frame, record, offload, into: &receiver)
      }
    }
    if unsafe frame.gso_size != 0 {
      unsafe segmenter.split(bytes, as: frame.gso_type, payload: Int(frame.gso_size)) { segment in
        receiver.receive(
          segment, CapturedFrame(number: 0, wireLength: segment.byteCount, timestamp: record.timestamp), offload)
      }
    } else {
      receiver.receive(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(bytes)), record, offload)
    }
  }

  /// A frame whose outermost tag is not 802.1Q's.
  private func receiveTagged(
    _ frame: packetio_frame, _ record: CapturedFrame, _ offload: FrameOffload, into receiver: inout FrameReceiver
  ) {
    let bytes = unsafe UnsafeRawBufferPointer(start: frame.data, count: Int(frame.length))
    guard bytes.count >= 12 else {
      return receiver.receive(unsafe RawSpan(_unsafeBytes: bytes), record, offload)
    }
    var tagged: [UInt8] = []
    tagged.reserveCapacity(bytes.count + 4)
    unsafe tagged += unsafe bytes[..<12]
    for word in unsafe [frame.tag_type, frame.tag] { tagged += [UInt8(word >> 8), UInt8(word & 0xff)] }
    unsafe tagged += unsafe bytes[12...]
    let record = CapturedFrame(number: 0, wireLength: record.wireLength + 4, timestamp: record.timestamp)
    if unsafe frame.gso_size == 0 { return unsafe receiver.receive(tagged.span.bytes, record, offload) }
    unsafe tagged.withUnsafeMutableBytes { tagged in
      unsafe segmenter.split(tagged, as: frame.gso_type, payload: Int(frame.gso_size)) { segment in
        receiver.receive(
          segment, CapturedFrame(number: 0, wireLength: segment.byteCount, timestamp: record.timestamp), offload)
      }
    }
  }
}
