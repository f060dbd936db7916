import Foundation
import Testing

@testable import PacketIO

@Suite struct CaptureReaderTests {
  let frame: [UInt8] = Array(0..<60)

  @Test(arguments: [false, true], [(0xa1b2_c3d4, 7_000), (0xa1b2_3c4d, 7)] as [(UInt32, UInt64)])
  func classic(bigEndian: Bool, form: (magic: UInt32, fraction: UInt64)) throws {
    var file = CaptureFile(linkType: 1, magic: form.magic, bigEndian: bigEndian)
    file.frame(frame, seconds: 5, fraction: 7, wireLength: 1500)
    try withFile(file.bytes) { path in
      let all = readAll(path)
      #expect(all.linkType == .en10MB && all.error == nil && all.bytes == 60)
      #expect(all.frames.count == 1)
      #expect(all.frames[0].timestamp == 5_000_000_000 + form.fraction)
      #expect(all.frames[0].wireLength == 1500 && all.frames[0].number == 1)
    }
  }

  @Test(arguments: [false, true]) func pcapng(bigEndian: Bool) throws {
    func body() -> CaptureFile {
      var body = CaptureFile()
      body.bigEndian = bigEndian
      return body
    }
    var section = body()
    section.append(UInt32(0x1a2b_3c4d))
    section.append(UInt16(1))
    section.append(UInt16(0))
    section.append(Int64(-1))
    var interface = body()
    interface.append(UInt16(276))
    interface.append(UInt16(0))
    interface.append(UInt32(0))
    interface.append(UInt16(9))  // if_tsresol
    interface.append(UInt16(1))
    interface.bytes += [9, 0, 0, 0]  // nanoseconds
    interface.append(UInt32(0))
    var packet = body()
    packet.append(UInt32(0))
    packet.append(UInt32(1))  // 2^32 + 5 ns
    packet.append(UInt32(5))
    packet.append(UInt32(frame.count))
    packet.append(UInt32(frame.count))
    packet.bytes += frame
    var file = body()
    file.block(0x0a0d_0d0a, section)
    file.block(1, interface)
    file.block(6, packet)
    file.block(6, packet)
    try withFile(file.bytes) { path in
      let all = readAll(path)
      #expect(all.linkType == .linuxSLL2 && all.error == nil && all.frames.count == 2)
      #expect(all.frames.allSatisfy { $0.timestamp == (1 << 32) + 5 })
    }
    // Interfaces of different link types can't be told apart: an error, not a misreading.
    interface.bytes.replaceSubrange(0..<2, with: bigEndian ? [0, 1] : [1, 0])
    file.block(1, interface)
    try withFile(file.bytes) { path in
      let all = readAll(path)
      #expect(all.frames.count == 2 && all.error?.kind == .damaged)
    }
  }

  @Test func timesBeyond2038() throws {
    var file = CaptureFile(linkType: 1)
    file.frame(frame, seconds: 4_000_000_000)
    try withFile(file.bytes) { #expect(readAll($0).frames[0].timestamp == 4_000_000_000_000_000_000) }
  }

  @Test func cutShortAnywhere() throws {
    var file = CaptureFile(linkType: 1)
    for _ in 0..<3 { file.frame(frame) }
    let record = 16 + frame.count
    for length in 0..<file.bytes.count {
      try withFile(Array(file.bytes.prefix(length))) { path in
        let all = readAll(path)
        if length < 24 {
          #expect(all.error?.kind == .notACapture, "\(length) bytes")
        } else {
          let whole = (length - 24) / record
          #expect(all.frames.count == whole, "\(length) bytes")
          #expect((all.error == nil) == ((length - 24) % record == 0), "\(length) bytes")
          if let error = all.error {
            #expect(error.kind == .damaged && error.packets == whole)
            #expect(
              error.description.hasPrefix("\(path): damaged at packet \(whole + 1), \(whole) before it were read: "))
          }
        }
      }
    }
  }

  @Test func notCaptures() throws {
    try withFile(Array("not a capture at all, but a text".utf8)) { path in
      let error = readAll(path).error
      #expect(error?.kind == .notACapture)
      #expect(error?.description.hasPrefix("\(path): expected a pcap or pcapng file: ") == true)
    }
    #expect(readAll("/nowhere/x.pcap").error?.kind == .cannotOpen)
    #expect(
      readAll("/nowhere/x.pcap").error?.description == "/nowhere/x.pcap: cannot open: No such file or directory")
    #expect(readAll("/").error?.kind == .notACapture)
  }

  @Test func insaneLengths() throws {
    var file = CaptureFile(linkType: 1)
    file.frame(frame)
    file.append(UInt32(1))
    file.append(UInt32(0))
    file.append(UInt32.max)
    file.append(UInt32.max)
    file.bytes += frame
    try withFile(file.bytes) { path in
      let all = readAll(path)
      #expect(all.frames.count == 1 && all.error?.kind == .damaged && all.error?.packets == 1)
    }
  }

  @Test func unsupportedLinkType() throws {
    try withFile(CaptureFile(linkType: 105).bytes) { path in
      let error = readAll(path).error
      #expect(error?.kind == .unsupportedLinkType(number: 105))
      #expect(
        error?.description == "\(path): link type 105, IEEE802_11 (802.11), is not supported; supported are "
          + "EN10MB, LINUX_SLL, LINUX_SLL2, NULL, LOOP, RAW, IPV4, IPV6, ATM_RFC1483, SUNATM, ERF, NETLINK")
    }
    try withFile(CaptureFile(linkType: 60_000).bytes) { path in
      #expect(readAll(path).error?.description.contains("link type 60000, unknown to libpcap") == true)
    }
  }

  /// Link types that files number otherwise than programs do.
  @Test(
    arguments: [(101, .raw), (228, .ipv4), (229, .ipv6), (108, .loop), (0, .null), (100, .atmRFC1483)]
      as [(UInt32, LinkType)])
  func fileNumbers(number: UInt32, linkType: LinkType) throws {
    try withFile(CaptureFile(linkType: number).bytes) { #expect(readAll($0).linkType == linkType) }
  }

  @Test func frameCheckSequenceLengthIsIgnored() throws {
    // The upper bits of the link type field: present, and 4 bytes long.
    try withFile(CaptureFile(linkType: 1 | 0x2400_0000).bytes) { #expect(readAll($0).linkType == .en10MB) }
  }

  /// Whatever bytes of a sample are spoiled, reading ends in order.
  @Test(arguments: ["ethernet", "netlink", "atm-cells", "cooked", "vlan"]) func spoiledSamples(name: String) throws {
    let bytes = [UInt8](try Data(contentsOf: samples.appendingPathComponent("\(name).pcap")))
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      var spoiled = Array(bytes.prefix(20_000))
      for _ in 0..<10 {
        spoiled[Int.random(in: 0..<spoiled.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      try withFile(spoiled) { path in
        let all = readAll(path)
        #expect(all.error == nil || all.error!.packets == all.frames.count)
      }
    }
  }
}
