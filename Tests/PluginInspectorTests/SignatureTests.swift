import Foundation
import Glibc
import Testing

import PluginInspector

/// Signatures of plugins: the good one, and each way in which one is not good, with its own reason.
@Suite struct SignatureTests {
  let ring = try! KeyRing()

  @Test func `A signed file is accepted, and the report says whose signature it has`() throws {
    let report = try ring.inspect()
    #expect(report.problems == [])
    #expect(report.verdict == .accepted)
    #expect(report.signedBy == ring.id.description)
  }

  @Test func `Nobody looks for signatures without keys`() throws {
    try KeyRing.write([1], to: ring.signature)
    let report = try Inspector(policy: InspectionPolicy(isHostSanitized: false)).inspect(path: ring.plugin)
    #expect(report.verdict == .accepted)
    #expect(report.signedBy == nil)
  }

  @Test func `Without a signature it is refused only where one is required`() throws {
    unlink(ring.signature)
    #expect(try ring.refusal() == "expected a signature in good.so.sig, found none")
    let report = try ring.inspect(isRequired: false)
    #expect(report.verdict == .accepted)
    #expect(report.signedBy == nil)
    // And bytes that come without a file.
    var policy = InspectionPolicy(isHostSanitized: false)
    policy.signatures = SignaturePolicy(keys: ring.keys, isRequired: true)
    let bare = Inspector(policy: policy).inspect(bytes: goodPlugin, fileName: "bare.so")
    #expect(bare.problems == [.init(check: .signature, message: "expected a signature, found none")])
  }

  @Test(arguments: [0, 1, -1]) func `One changed byte, and it is a signature of other bytes`(place: Int) throws {
    var bytes = goodPlugin
    // Behind the file's end, in the padding of its header, and the last byte.
    if place == 0 { bytes.append(0) } else if place == 1 { bytes[9] ^= 1 } else { bytes[bytes.count - 1] ^= 1 }
    try KeyRing.write(bytes, to: ring.plugin)
    for isRequired in [true, false] {
      let problems = try ring.inspect(isRequired: isRequired).problems.filter { $0.check == .signature }
      #expect(problems.count == 1)
      #expect(
        problems.first?.message.hasSuffix(
          "good.so.sig: expected a signature of these bytes by key \(ring.id), found one of other bytes") == true)
    }
  }

  @Test func `A signature with one bit changed is none`() throws {
    let text = String(decoding: try Workshop.read(ring.signature), as: UTF8.self)
    let line = text.split(separator: "\n")[1]
    let bytes = Array(try #require(Data(base64Encoded: String(line))))
    #expect(bytes.count == 74)
    // Behind the algorithm and the key's number.
    for bit in stride(from: 80, to: 74 * 8, by: 7) {
      var changed = bytes
      changed[bit / 8] ^= 1 << (bit % 8)
      try KeyRing.write(KeyRing.armored(changed), to: ring.signature)
      #expect(try ring.refusal().hasSuffix("found one of other bytes"), "bit \(bit)")
    }
  }

  @Test func `A key that the host does not have is named`() throws {
    let other = try SecretKey.makeFiles(prefix: ring.workshop.path("other"))
    _ = try SecretKey(file: other.secret).sign(file: ring.plugin)
    #expect(
      try ring.refusal()
        == "good.so.sig: expected a signature by a key in keys (\(ring.id)), found one by the unknown key \(other.id)")
    // From the moment that the key is there it counts, and no longer.
    rename(other.public, ring.keys + "/other.pub")
    #expect(try ring.inspect().signedBy == other.id.description)
    unlink(ring.keys + "/other.pub")
    #expect(try ring.refusal().hasSuffix("unknown key \(other.id)"))
  }

  @Test func `Another key under a known number does not count`() throws {
    let other = try SecretKey.makeFiles(prefix: ring.workshop.path("other"))
    _ = try SecretKey(file: other.secret).sign(file: ring.plugin)
    let text = String(decoding: try Workshop.read(ring.signature), as: UTF8.self)
    var bytes = Array(try #require(Data(base64Encoded: String(text.split(separator: "\n")[1]))))
    bytes.replaceSubrange(
      2..<10,
      with: stride(from: 0, to: 16, by: 2).map { offset in
        let digits = Array(ring.id.description)
        return UInt8(String(digits[offset...offset + 1]), radix: 16)!
      })
    try KeyRing.write(KeyRing.armored(bytes), to: ring.signature)
    #expect(try ring.refusal().hasSuffix("by key \(ring.id), found one of other bytes"))
  }

  @Test(arguments: [
    ("", "expected a first line that begins with 'untrusted comment: ', found an empty one"),
    ("RWQ=\n", "expected a first line that begins with 'untrusted comment: ', found 'RWQ='"),
    ("\u{1b}[2J\u{7}", "expected a first line that begins with 'untrusted comment: ', found '?[2J?'"),
    ("untrusted comment: x\n", "expected two lines, each with its end, found 1"),
    ("untrusted comment: x\nRWQ=", "expected two lines, each with its end, found 1 and a rest"),
    ("untrusted comment: x\nRWQ=\nmore", "expected two lines, each with its end, found 2 and a rest"),
    ("untrusted comment: x\nRWQ=\nmore\n", "expected two lines, each with its end, found 3"),
    ("untrusted comment: x\nnot base64\n", "expected base64 in line 2, found 'not base64'"),
    ("untrusted comment: x\nRWQ=RWQ=\n", "expected base64 in line 2, found 'RWQ=RWQ='"),
    ("untrusted comment: x\n\n", "expected 74 bytes in base64, found 0"),
    ("untrusted comment: x\nRWQ=\n", "expected 74 bytes in base64, found 2"),
    (
      "untrusted comment: x\n\(Data(repeating: 0x41, count: 74).base64EncodedString())\n",
      "expected algorithm 4564 (Ed25519), found 4141"
    ),
    (String(repeating: "x", count: 5000), "expected at most 4096 bytes, found 5000"),
  ])
  func `A malformed signature says how`(text: String, reason: String) throws {
    try KeyRing.write(Array(text.utf8), to: ring.signature)
    #expect(try ring.refusal() == "good.so.sig: " + reason)
    #expect(try ring.refusal(isRequired: false) == "good.so.sig: " + reason)
  }

  @Test func `A signature is a regular file, and no link`() throws {
    rename(ring.signature, ring.workshop.path("elsewhere"))
    symlink(ring.workshop.path("elsewhere"), ring.signature)
    #expect(try ring.refusal() == "good.so.sig: expected a regular file, found a symbolic link to elsewhere")
    unlink(ring.signature)
    mkdir(ring.signature, 0o755)
    #expect(try ring.refusal() == "good.so.sig: expected a regular file")
    rmdir(ring.signature)
    mkfifo(ring.signature, 0o644)
    #expect(try ring.refusal() == "good.so.sig: expected a regular file")
  }

  /// RFC 8032, section 7.1, test 2; the form of the files is written down here a second time.
  @Test func `The signature of the RFC is good, and no other`() throws {
    func bytes(_ hex: String) -> [UInt8] {
      let digits = Array(hex)
      return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
    }
    let number: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    let key = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    let signature = bytes(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
    try KeyRing.write(KeyRing.armored(Array("Ed".utf8) + number + key), to: ring.keys + "/rfc.pub")
    try KeyRing.write(KeyRing.armored(Array("Ed".utf8) + number + signature), to: ring.signature)
    for (message, isGood) in [([0x72], true), ([0x73], false), ([], false)] as [([UInt8], Bool)] {
      try KeyRing.write(message, to: ring.plugin)
      let report = try ring.inspect()
      #expect((report.signedBy == "0102030405060708") == isGood)
      #expect(report.problems.contains { $0.check == .signature } == !isGood)
    }
  }
}
