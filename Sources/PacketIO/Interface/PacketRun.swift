import CNetISR

/// Packets on their way to a sink: those of one protocol in a row go together, so that the way through the engine is
/// paid for once.
///
/// In two steps: a source adds what it has, then all is sent, in the order in which it came. Plugins' code runs in the
/// second only, and may take its thread with it: then another thread sends what is left. So all that changes lies in memory,
/// and is written before a sink is called.
///
/// Safe: `state` and the arrays in it are private, and live from init to deinit; `count` entries of the arrays are set,
/// and the chains from `next` on are the run's own.
@safe
struct PacketRun: ~Copyable {
  /// 64 frames of 500 bytes are 32 KB: few enough that they are still in the caches when they are handled. One frame may be
  /// cut into more packets than that.
  static let capacity = 64

  @unsafe private struct State {
    var packets: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>
    var protos: UnsafeMutablePointer<UInt32>
    var room: Int
    var count = 0
    /// Those before it are the sink's.
    var next = 0

    init(room: Int) {
      unsafe self.room = room
      unsafe packets = .allocate(capacity: room)
      unsafe protos = .allocate(capacity: room)
    }

    /// Twice as much room.
    mutating func grow() {
      var larger = unsafe State(room: 2 * room)
      unsafe larger.packets.initialize(from: packets, count: count)
      unsafe larger.protos.initialize(from: protos, count: count)
      unsafe (larger.count, larger.next) = unsafe (count, next)
      unsafe free()
      unsafe self = unsafe larger
    }

    func free() {
      unsafe packets.deallocate()
      unsafe protos.deallocate()
    }
  }

  private let state: UnsafeMutablePointer<State>
  private let sink: any FrameSink

  init(sink: any FrameSink) {
    self.sink = sink
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: State(room: Self.capacity))
  }

  /// Nothing is left: whoever adds also sends.
  deinit {
    unsafe precondition(state.pointee.count == 0, "packets were not sent")
    unsafe state.pointee.free()
    unsafe state.deallocate()
  }

  /// Whether it is time to send.
  @inline(__always)
  var isFull: Bool { unsafe state.pointee.count >= Self.capacity }

  /// Takes a packet over, as the last one.
  @inline(__always)
  func add(_ packet: UnsafeMutablePointer<mbuf>, proto: UInt32) {
    let count = unsafe state.pointee.count
    if unsafe count == state.pointee.room { unsafe state.pointee.grow() }
    unsafe (state.pointee.packets + count).initialize(to: packet)
    unsafe (state.pointee.protos + count).initialize(to: proto)
    unsafe state.pointee.count = count &+ 1
  }

  /// Hands all over.
  func send() {
    while unsafe state.pointee.next < state.pointee.count {
      let first = unsafe state.pointee.next
      let proto = unsafe state.pointee.protos[first]
      let most = unsafe min(state.pointee.count, first + Self.capacity)
      var end = first + 1
      while unsafe end < most && state.pointee.protos[end] == proto { end += 1 }
      let packets = unsafe state.pointee.packets
      let together = unsafe sink.admit(
        proto: proto, packets: UnsafeMutableBufferPointer(start: packets + first, count: end - first))
      unsafe state.pointee.next = first + together
      unsafe sink.receive(
        proto: proto, source: 0, packets: UnsafeMutableBufferPointer(start: packets + first, count: together))
    }
    unsafe state.pointee.count = 0
    unsafe state.pointee.next = 0
  }
}
