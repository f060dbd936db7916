import CNetISR
import Foundation
import NetISR
import Testing

@testable import PacketIO

/// What a decoder made of literal bytes, in a form that can be compared.
enum Outcome: Equatable {
  case packet(proto: Int32, prefix: [UInt8], body: Range<Int>, wireLength: Int, flags: UInt32)
  case refused(FrameRefusal)
}

func decode(_ bytes: [UInt8], as linkType: LinkType, wireLength: Int? = nil) -> Outcome {
  do {
    let delivery = try LinkDecoder.decode(
      bytes.span.bytes, wireLength: wireLength ?? bytes.count, linkType: linkType)
    return .packet(
      proto: Int32(delivery.proto), prefix: delivery.prefix.bytes, body: delivery.body,
      wireLength: delivery.wireLength, flags: delivery.flags)
  } catch {
    return .refused(error)
  }
}

/// A sink that keeps a copy of every packet, and frees it, and knows in which runs they came.
final class KeepingSink: FrameSink {
  struct Packet: Equatable {
    var proto: UInt32
    var bytes: [UInt8]
    var length: Int32
    var wireLength: UInt32
    var timestamp: UInt64
    var flags: UInt32
    var interfaceIndex: UInt32
    var mbufs: Int
  }

  var packets: [Packet] = []
  var runs: [Int] = []

  func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) {
    runs.append(packets.count)
    for packet in packets { keep(packet!, proto) }
  }

  private func keep(_ packet: UnsafeMutablePointer<mbuf>, _ proto: UInt32) {
    var bytes: [UInt8] = []
    var mbufs = 0
    var next: UnsafeMutablePointer<mbuf>? = packet
    while let m = next {
      bytes += UnsafeRawBufferPointer(start: m.pointee.m_data, count: Int(m.pointee.m_len))
      mbufs += 1
      next = m.pointee.m_next
    }
    let header = packet.pointee.m_pkthdr
    packets.append(
      Packet(
        proto: proto, bytes: bytes, length: header.len, wireLength: header.wirelen, timestamp: header.rcv_tstmp,
        flags: packet.pointee.m_flags, interfaceIndex: header.rcvif.pointee.if_index, mbufs: mbufs))
    m_freem(packet)
  }
}

/// An interface of an engine, on a thread of that engine; no packet of it is left over afterwards.
func withInterface<Result>(_ body: (UnsafeMutablePointer<ifnet>) throws -> Result) rethrows -> Result {
  let engine = Engine()
  let result = try engine.withAttachedThread {
    for index in 1...6 { _ = engine.interfaces.make(name: "other\(index)", type: IFT_ETHER) }
    return try body(engine.interfaces.make(name: "test0", type: IFT_ETHER)!)
  }
  #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  return result
}

/// Bytes of a capture file, written field by field.
struct CaptureFile {
  var bytes: [UInt8] = []
  var bigEndian = false

  /// A classic file header; 0xa1b2c3d4 is for microseconds, 0xa1b23c4d for nanoseconds.
  init(linkType: UInt32, magic: UInt32 = 0xa1b2_c3d4, bigEndian: Bool = false, snapLength: UInt32 = 262_144) {
    self.bigEndian = bigEndian
    append(magic)
    append(UInt16(2))
    append(UInt16(4))
    append(UInt32(0))
    append(UInt32(0))
    append(snapLength)
    append(linkType)
  }

  init() {}

  mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: bigEndian ? value.bigEndian : value.littleEndian) { bytes += $0 }
  }

  mutating func frame(_ data: [UInt8], seconds: UInt32 = 1, fraction: UInt32 = 0, wireLength: Int? = nil) {
    append(seconds)
    append(fraction)
    append(UInt32(data.count))
    append(UInt32(wireLength ?? data.count))
    bytes += data
  }

  /// One pcapng block around `body`, padded to 32 bits.
  mutating func block(_ type: UInt32, _ body: CaptureFile) {
    let padding = (4 - body.bytes.count % 4) % 4
    let length = UInt32(12 + body.bytes.count + padding)
    append(type)
    append(length)
    bytes += body.bytes + [UInt8](repeating: 0, count: padding)
    append(length)
  }
}

/// Calls `body` with the path of a file of these bytes.
func withFile<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("packetio-\(UUID().uuidString).pcap")
  try Data(bytes).write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url.path)
}

/// The folder of sample captures of this repository.
let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("Samples")

/// Reads a file to its end, or to its damage.
func readAll(_ path: String) -> (linkType: LinkType?, frames: [CapturedFrame], bytes: Int, error: CaptureError?) {
  var frames: [CapturedFrame] = []
  var bytes = 0
  var linkType: LinkType?
  do {
    var reader = try CaptureReader(path: path)
    linkType = reader.linkType
    while let (count, frame) = try reader.next({ ($0.byteCount, $1) }) {
      frames.append(frame)
      bytes += count
    }
    return (linkType, frames, bytes, nil)
  } catch {
    return (linkType, frames, bytes, error)
  }
}

/// A sink that frees every packet.
final class DiscardingSink: FrameSink {
  func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) {
    for packet in packets { m_freem(packet) }
  }
}
