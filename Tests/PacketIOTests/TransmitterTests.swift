import CNetISR
import NetISR
import Synchronization
import Testing

@testable import PacketIO

/// The way out of an interface, against a device that takes as much as it is told to.
@Suite struct TransmitterTests {
  /// A device without a kernel.
  private final class Device: FrameSender, @unchecked Sendable {
    let descriptor: Int32 = -1
    private let lock = Lock()
    private var room: Int
    private(set) var batches: [[UInt64]] = []
    private let refused: Set<UInt64>

    init(room: Int = .max, refusing: Set<UInt64> = []) {
      self.room = room
      refused = refusing
    }

    var taken: [UInt64] { lock.withLock { batches.flatMap { $0 } } }
    func grow(by count: Int) { lock.withLock { room += count } }

    func send(_ packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> (sent: Int, error: Int32) {
      lock.withLock {
        var batch: [UInt64] = []
        defer { batches.append(batch) }
        for packet in packets {
          let number = packet!.pointee.m_pkthdr.ph_loc.0
          if refused.contains(number) { return (batch.count, EMSGSIZE) }
          if room == 0 { return (batch.count, EAGAIN) }
          room -= 1
          batch.append(number)
        }
        return (batch.count, 0)
      }
    }
  }

  private func packet(_ number: Int) -> UnsafeMutablePointer<mbuf> {
    let m = m_gethdr(M_NOWAIT, MT_DATA)!
    m.pointee.m_pkthdr.ph_loc.0 = UInt64(number)
    _ = m_append(m, 60, [CChar](repeating: 0, count: 60))
    return m
  }

  private func with(_ device: Device, _ body: (Transmitter, UnsafeMutablePointer<ifnet>, Count) -> Void) {
    let engine = Engine(Engine.Configuration(cpuCount: 1))
    engine.withAttachedThread {
      let blocked = Count()
      let transmitter = Transmitter { blocked.value.wrappingAdd(1, ordering: .relaxed) }
      transmitter.attach(device)
      let interface = engine.interfaces.make(name: "x", type: IFT_ETHER, output: transmitter)!
      body(transmitter, interface, blocked)
      transmitter.detach()
      #expect(if_transmit(interface, packet(0)) == ENETDOWN)
    }
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }

  private final class Count: Sendable { let value = Atomic(0) }

  @Test func inBatchesWhileHeld() {
    let device = Device()
    with(device) { transmitter, interface, _ in
      let cork = SendCork()
      cork.use {
        for number in 0..<100 { #expect(if_transmit(interface, packet(number)) == 0) }
        #expect(device.batches.map(\.count) == [32, 32, 32], "a full batch does not wait")
        cork.release()
        #expect(device.batches.map(\.count) == [32, 32, 32, 4])
      }
      _ = if_transmit(interface, packet(100))
      #expect(device.taken == (0...100).map { UInt64($0) })
      #expect(transmitter.statistics.sent == 101)
      #expect(transmitter.statistics.sentBytes == 6060)
    }
  }

  @Test func waitsForRoomUpToItsLimit() {
    let device = Device(room: 10)
    with(device) { transmitter, interface, blocked in
      var errors: [Int32] = []
      for number in 0..<(10 + Transmitter.limit + 5) { errors.append(if_transmit(interface, packet(number))) }
      #expect(errors.filter { $0 == ENOBUFS }.count == 5)
      #expect(blocked.value.load(ordering: .relaxed) == 1, "who asks for room asks once")
      #expect(transmitter.statistics.waiting == Transmitter.limit)
      device.grow(by: 100)
      #expect(if_start(interface) == 100)
      device.grow(by: .max - 1 - 10_000)
      transmitter.unblock()
      #expect(device.taken == (0..<(10 + Transmitter.limit)).map { UInt64($0) }, "in order, each once")
      #expect(transmitter.statistics.overflowed == 5)
    }
  }

  @Test func onePacketThatIsRefusedHoldsUpNobody() {
    let device = Device(refusing: [3, 4, 20])
    with(device) { transmitter, interface, _ in
      SendCork().use { for number in 0..<30 { #expect(if_transmit(interface, packet(number)) == 0) } }
      #expect(device.taken == (0..<30).filter { ![3, 4, 20].contains($0) }.map { UInt64($0) })
      #expect(transmitter.statistics.sent == 27)
      #expect(transmitter.statistics.refused == 3)
    }
  }

  /// A chain of more parts than the system takes is made shorter.
  @Test func manyParts() {
    let device = Device()
    with(device) { transmitter, interface, _ in
      let chain = packet(1)
      var last = chain
      for _ in 0..<200 {
        let part = m_get(M_NOWAIT, MT_DATA)!
        part.pointee.m_len = 1
        last.pointee.m_next = part
        last = part
      }
      chain.pointee.m_pkthdr.len += 200
      #expect(if_transmit(interface, chain) == 0)
      #expect(transmitter.statistics.sent == 1)
      #expect(transmitter.statistics.sentBytes == 260)
    }
  }

  @Test func fourThreadsLoseNothing() {
    let device = Device()
    let engine = Engine(Engine.Configuration(cpuCount: 4))
    let transmitter = Transmitter {}
    transmitter.attach(device)
    let interface = engine.interfaces.make(name: "x", type: IFT_ETHER, output: transmitter)!
    nonisolated(unsafe) let shared = interface
    let threads = (0..<4).map { thread in
      NetISR.Thread(name: "test") {
        engine.withAttachedThread(cpu: UInt32(thread)) {
          for number in 0..<2000 {
            while if_transmit(shared, packet(thread * 10_000 + number)) == ENOBUFS {}
          }
        }
      }
    }
    for thread in threads { thread.join() }
    engine.withAttachedThread { transmitter.detach() }
    for thread in 0..<4 {
      let own = device.taken.filter { Int($0) / 10_000 == thread }
      #expect(own == (0..<2000).map { UInt64(thread * 10_000 + $0) }, "in the order of its thread")
    }
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }
}
