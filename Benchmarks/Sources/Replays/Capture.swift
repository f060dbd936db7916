import Foundation

/// A classic capture file of this machine's byte order: its frames, as they are written in it.
struct Capture {
  /// Of the frames: 1 Ethernet, 101 IP without a link.
  var linkType: UInt32
  /// Each frame with its record's header of 16 bytes.
  var records: [Data] = []

  /// Reads a file.
  init(_ path: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    guard data.count >= 24, [0xa1b2_c3d4, 0xa1b2_3c4d].contains(data.word(0)) else {
      throw Failure("\(path): expected a classic capture file (pcap) of this machine's byte order")
    }
    linkType = data.word(20) & 0xffff
    var place = 24
    while place + 16 <= data.count {
      let end = place + 16 + Int(data.word(place + 8))
      guard end <= data.count else { break }
      records.append(data.subdata(in: place..<end))
      place = end
    }
  }

  /// The frames that `choose` takes, without their first `cut` bytes.
  func filtered(linkType: UInt32, cut: Int = 0, _ choose: (Frame) -> Bool) -> Capture {
    var result = self
    result.linkType = linkType
    result.records = records.filter { choose(Frame(record: $0)) }.map { record in
      var shorter = record.subdata(in: 0..<16) + record.dropFirst(16 + cut)
      for field in [8, 12] {
        let length = record.word(field) - UInt32(cut)
        shorter.replaceSubrange(field..<(field + 4), with: unsafe Swift.withUnsafeBytes(of: length) { unsafe Data($0) })
      }
      return shorter
    }
    return result
  }

  /// Writes a file of `count` frames: all in turn, again and again, one every 10 us. As they were recorded, seconds would lie
  /// between some of them, and a replay settles before time leaps: that would be measured over and over.
  func write(_ path: String, count: Int) throws {
    var data = Data()
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, linkType] as [UInt32] {
      data.append(unsafe Swift.withUnsafeBytes(of: word) { unsafe Data($0) })
    }
    data.reserveCapacity(count * (records.reduce(0) { $0 + $1.count } / records.count + 1))
    for index in 0..<count {
      let time = UInt32(truncatingIfNeeded: index * 10)
      for word in [time / 1_000_000, time % 1_000_000] {
        data.append(unsafe Swift.withUnsafeBytes(of: word) { unsafe Data($0) })
      }
      data.append(records[index % records.count].dropFirst(8))
    }
    try data.write(to: URL(fileURLWithPath: path))
  }
}

/// An Ethernet frame in a record.
struct Frame {
  let record: Data

  var etherType: UInt16 { record.count >= 30 ? UInt16(record[28]) << 8 | UInt16(record[29]) : 0 }
  /// The protocol number in an IPv4 header.
  var ipProtocol: UInt8 { record.count >= 40 ? record[39] : 0 }
}

extension Data {
  /// A word in this machine's byte order; an index from 0.
  func word(_ place: Int) -> UInt32 {
    unsafe self[place..<(place + 4)].withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt32.self) }
  }
}

/// Something that went wrong.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
