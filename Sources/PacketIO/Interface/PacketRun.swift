import CNetISR

// Safe: `packets` is private, has room for `capacity` pointers from init to deinit, and `count` of them are set, to chains
// that the run owns.

/// Packets of one protocol in a row, on their way to a sink together: the way through the engine is then paid for once.
///
/// Order is that of single packets: a packet of another protocol sends what came before it first.
@safe
struct PacketRun: ~Copyable {
  /// 64 frames of 500 bytes are 32 KB: few enough that they are still in the caches when they are handled.
  static let capacity = 64

  private let packets: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>
  private let sink: any FrameSink
  private var count = 0
  private var proto: UInt32 = 0

  init(sink: any FrameSink) {
    self.sink = sink
    unsafe packets = .allocate(capacity: Self.capacity)
    unsafe packets.initialize(repeating: nil, count: Self.capacity)
  }

  /// Nothing is left: whoever adds also sends.
  deinit {
    precondition(count == 0, "packets were not sent")
    unsafe packets.deallocate()
  }

  /// Takes a packet over, as the last one.
  @inline(__always)
  mutating func add(_ packet: UnsafeMutablePointer<mbuf>, proto: UInt32) {
    if count == Self.capacity || proto != self.proto { send() }
    self.proto = proto
    unsafe packets[count] = packet
    count &+= 1
  }

  /// Hands all over.
  @inline(never)
  mutating func send() {
    guard count > 0 else { return }
    let run = unsafe UnsafeMutableBufferPointer(start: packets, count: count)
    count = 0
    unsafe sink.receive(proto: proto, source: 0, packets: run)
  }
}
