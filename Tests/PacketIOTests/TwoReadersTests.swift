import Foundation
import TestSupport
import Testing

@testable import PacketIO

/// What one of the two ways of reading makes of a file: each frame, and how it ends.
private struct Reading {
  var frames: [CapturedFrame] = []
  var bytes: [[UInt8]] = []
  var error: CaptureError?

  init(_ path: String, byLibpcapAlone: Bool) {
    do throws(CaptureError) {
      var reader = try CaptureReader(path: path, byLibpcapAlone: byLibpcapAlone)
      // One more at the end: what was said there is said again.
      for _ in 0..<2 {
        do throws(CaptureError) {
          while let (bytes, frame) = try reader.next({ bytes, frame in (bytes.withUnsafeBytes { Array($0) }, frame) }) {
            self.bytes.append(bytes)
            frames.append(frame)
          }
        } catch {
          if let before = self.error { #expect(before == error) }
          self.error = error
        }
      }
    } catch {
      self.error = error
    }
  }
}

/// The plain way and libpcap's: the same frames, and the same words of what is wrong.
@Suite struct TwoReadersTests {
  private func compare(_ path: String, _ comment: Comment) {
    let plain = Reading(path, byLibpcapAlone: false)
    let libpcap = Reading(path, byLibpcapAlone: true)
    #expect(plain.error == libpcap.error, comment)
    #expect(plain.frames == libpcap.frames, comment)
    // Not in the expectation itself, which would print all of them.
    let haveSameBytes = plain.bytes == libpcap.bytes
    #expect(haveSameBytes, comment)
  }

  /// Captures of this repository, and of others where there are any.
  private func captures() -> [URL] {
    let found = [samples, corpus].compactMap { $0 }.flatMap { folder in
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects as? [URL] ?? []
    }
    return found.filter { ["pcap", "pcapng", "cap"].contains($0.pathExtension) }.sorted { $0.path < $1.path }
  }

  @Test func allCaptures() {
    let captures = captures()
    #expect(captures.count >= 5)
    for url in captures { compare(url.path, "\(url.path)") }
  }

  /// Bytes of file header, record headers and data changed, and files cut: the same seeds each time.
  @Test func spoiledCaptures() throws {
    var random = SeededGenerator(seed: 1)
    for url in captures() {
      let bytes = [UInt8](try Data(contentsOf: url).prefix(6_000))
      for round in 0..<12 {
        let length = round % 3 == 0 ? Int.random(in: 0...bytes.count, using: &random) : bytes.count
        var spoiled = Array(bytes.prefix(length))
        for _ in 0..<(round % 4) where !spoiled.isEmpty {
          // Mostly where headers are.
          let index = Int.random(in: 0..<min(spoiled.count, round % 2 == 0 ? 64 : .max), using: &random)
          spoiled[index] = UInt8.random(in: 0...255, using: &random)
        }
        try withFile(spoiled) { compare($0, "\(url.lastPathComponent), round \(round)") }
      }
    }
  }

  /// Each length that decides something: the snapshot length, the largest sane one, a block, and what is left of a block.
  @Test(arguments: [false, true], [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34] as [UInt32])
  func lengths(bigEndian: Bool, magic: UInt32) throws {
    let lengths = [0, 1, 99, 100, 101, 65_536, 262_112, 262_128, 262_144, 60, 262_145, 60]
    var pattern = [UInt8](0...255)
    while pattern.count < 262_145 + lengths.count { pattern += pattern }
    for snapLength: UInt32 in [0, 1, 100, 65_535, 262_144, 300_000, 0x7fff_ffff, 0xffff_ffff] {
      var file = CaptureFile(linkType: 1, magic: magic, bigEndian: bigEndian, snapLength: snapLength)
      for (index, length) in lengths.enumerated() {
        file.frame(
          Array(pattern[index..<index + length]), seconds: 0xffff_fff0 &+ UInt32(index), fraction: 0xffff_ffff,
          wireLength: length + index)
      }
      try withFile(file.bytes) { path in
        compare(path, "snapshot length \(snapLength)")
        if magic != 0xa1b2_cd34 && snapLength == 262_144 {
          #expect(Reading(path, byLibpcapAlone: false).frames.count == 10)
        }
      }
    }
  }

  /// Old versions, whose length fields changed places, and link types whose payload libpcap changes.
  @Test(arguments: [0, 2, 3, 4, 5] as [UInt8], [1, 113, 276] as [UInt32])
  func versions(minor: UInt8, linkType: UInt32) throws {
    for bigEndian in [false, true] {
      var file = CaptureFile(linkType: linkType, bigEndian: bigEndian)
      file.bytes[bigEndian ? 7 : 6] = minor
      // A cooked frame of CAN, whose identifier stands in the order of the host that captured it.
      let frame = [0, 1, 1, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0c] + [UInt8](1...16)
      file.frame(frame, wireLength: 60)
      file.frame([0x00, 0x0c] + frame, wireLength: 20)
      try withFile(file.bytes) { compare($0, "2.\(minor), link type \(linkType), big \(bigEndian)") }
    }
  }

  /// A file that shrinks under the reader is damage, not the end of the process; one that grows goes on.
  @Test func fileChangesMeanwhile() throws {
    var file = CaptureFile(linkType: 1)
    for index in 0..<2_000 { file.frame([UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 1_000)) }
    try withFile(file.bytes) { path in
      var reader = try CaptureReader(path: path)
      for _ in 0..<10 { #expect(try reader.next({ bytes, _ in bytes.byteCount }) == 1_000) }
      #expect(truncate(path, 1_500_000) == 0)
      var error: CaptureError?
      do throws(CaptureError) {
        while try reader.next({ _, _ in }) != nil {}
      } catch let found {
        error = found
      }
      #expect(error?.kind == .damaged && error?.packets == reader.packets && reader.packets == 1_499_976 / 1_016)
    }
    try withFile(Array(file.bytes.prefix(24 + 1_016))) { path in
      var reader = try CaptureReader(path: path)
      #expect(try reader.next({ $1.number }) == 1)
      #expect(try reader.next({ $1.number }) == nil)
      let handle = try #require(FileHandle(forWritingAtPath: path))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(file.bytes[1_040..<3_072]))
      try handle.close()
      #expect(try reader.next({ $1.number }) == 2)
      #expect(try reader.next({ $1.number }) == 3)
      #expect(try reader.next({ $1.number }) == nil)
    }
  }
}
