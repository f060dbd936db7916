import Foundation
import Glibc
import Testing

import PluginInspector

/// Files of keys, and directories of them: who may write them, and what is in them.
@Suite struct KeyFileTests {
  let ring = try! KeyRing()

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  /// What a call throws, without the folder's name.
  private func reason(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing"
    } catch {
      return "\(error)".replacingOccurrences(of: ring.workshop.directory.path + "/", with: "")
    }
  }

  // MARK: Secret keys

  @Test func `A secret key is for its owner alone, and never overwritten`() throws {
    let files = try SecretKey.makeFiles(prefix: ring.workshop.path("new"))
    #expect(mode(files.secret) == 0o600)
    #expect(mode(files.public) == 0o644)
    let before = try Workshop.read(files.secret)
    let again = "expected no such file, found one: a key is never overwritten"
    #expect(reason { _ = try SecretKey.makeFiles(prefix: ring.workshop.path("new")) } == "new.sec: \(again)")
    #expect(try Workshop.read(files.secret) == before)
    // Both, or none: a public key that is there keeps a secret one from being made.
    rename(files.secret, ring.workshop.path("away"))
    #expect(reason { _ = try SecretKey.makeFiles(prefix: ring.workshop.path("new")) } == "new.pub: \(again)")
    #expect(access(files.secret, F_OK) != 0)
  }

  @Test(arguments: [0o640, 0o604, 0o620, 0o666] as [mode_t])
  func `A secret key that others may read or write does not sign`(mode: mode_t) throws {
    chmod(ring.secret, mode)
    #expect(
      reason { _ = try SecretKey(file: ring.secret) }
        == "good.sec: expected mode 0600 (nobody else may read or write it), found 0\(String(mode, radix: 8))")
  }

  @Test func `A secret key with a passphrase, or a damaged one, says so`() throws {
    let text = String(decoding: try Workshop.read(ring.secret), as: UTF8.self)
    let bytes = Array(try #require(Data(base64Encoded: String(text.split(separator: "\n")[1]))))
    #expect(bytes.count == 104)
    for (place, expected) in [
      (0, "good.sec: expected algorithm 4564 (Ed25519), found 4464"),
      (2, "good.sec: expected key derivation 424b (BK), found 434b"),
      (7, "good.sec: expected a key without a passphrase (signify -n), found one that has one"),
    ] {
      var changed = bytes
      changed[place] ^= 1
      try KeyRing.write(KeyRing.armored(changed), to: ring.secret, mode: 0o600)
      #expect(reason { _ = try SecretKey(file: ring.secret) } == expected)
    }
    for place in [24, 31, 40, 103] {
      var changed = bytes
      changed[place] ^= 1
      try KeyRing.write(KeyRing.armored(changed), to: ring.secret, mode: 0o600)
      #expect(reason { _ = try SecretKey(file: ring.secret) }.hasPrefix("good.sec: expected a key whose check is "))
    }
    #expect(reason { _ = try SecretKey(file: ring.workshop.path("none")) } == "none: No such file or directory")
  }

  /// Made by OpenBSD's signify(1), version 31 of its port: the same key makes the same signature, bit for bit.
  @Test func `Keys and signatures of signify are ours`() throws {
    let key = "untrusted comment: signify public key\nRWSE4sWVNARc7jtJuh3gXzhzWAqqjblx+jTyY7udLxE52y7RBJpnn4Ib\n"
    let secret =
      "untrusted comment: signify secret key\nRWRCSwAAAACUDrMCMPa5fsNsh7w5lFp3kdQ1oz9KexOE4sWVNARc7nUx+gSWzDuBm0x3"
      + "EIdBuJvN8AkwC1QFDE30LomhZ7eOO0m6HeBfOHNYCqqNuXH6NPJju50vETnbLtEEmmefghs=\n"
    let signature =
      "RWSE4sWVNARc7ts1ChfcCsaFUVtnksEHpusaNEo5E5SnNG0TfTDv6mNg6f7kqeYGjUI3vQPjdxUlpchr4iGHRNN9CCod1jBQ7QI="
    try KeyRing.write(Array("seven bytes".utf8), to: ring.plugin)
    try KeyRing.write(Array(key.utf8), to: ring.keys + "/signify.pub")
    try KeyRing.write(
      Array("untrusted comment: verify with t.pub\n\(signature)\n".utf8), to: ring.signature)
    #expect(try ring.inspect().signedBy == "84e2c59534045cee")
    try KeyRing.write(Array(secret.utf8), to: ring.secret, mode: 0o600)
    try ring.sign()
    let own = String(decoding: try Workshop.read(ring.signature), as: UTF8.self)
    #expect(own.split(separator: "\n").last.map(String.init) == signature)
    #expect(try ring.inspect().signedBy == "84e2c59534045cee")
  }

  @Test(.enabled(if: Workshop.has("signify-openbsd"))) func `signify takes what we make`() throws {
    rename(ring.keys + "/good.pub", ring.workshop.path("good.pub"))
    try ring.workshop.run(
      "signify-openbsd", "-V", "-p", ring.workshop.path("good.pub"), "-x", ring.signature, "-m", ring.plugin)
    rename(ring.workshop.path("good.pub"), ring.keys + "/good.pub")
    unlink(ring.signature)
    try ring.workshop.run("signify-openbsd", "-S", "-s", ring.secret, "-x", ring.signature, "-m", ring.plugin)
    #expect(try ring.inspect().signedBy == ring.id.description)
  }

  // MARK: Directories of public keys

  @Test func `A directory of keys must be there, have some, and be closed to others`() throws {
    #expect(try ring.refusal(keys: ring.workshop.path("none")) == "none: No such file or directory")
    mkdir(ring.workshop.path("empty"), 0o755)
    #expect(try ring.refusal(keys: ring.workshop.path("empty")) == "empty: expected public keys (*.pub), found none")
    for mode in [0o775, 0o757, 0o777] as [mode_t] {
      chmod(ring.keys, mode)
      #expect(
        try ring.refusal()
          == "keys: expected mode 0755 (only its owner may write it), found 0\(String(mode, radix: 8))")
    }
    chmod(ring.keys, 0o755)
    #expect(try ring.inspect().verdict == .accepted)
  }

  @Test(.enabled(if: geteuid() == 0)) func `Somebody else's directory, and somebody else's key, do not count`() throws {
    chown(ring.keys, 12345, 0)
    #expect(try ring.refusal() == "keys: expected owner 0, found 12345")
    chown(ring.keys, 0, 0)
    chown(ring.keys + "/good.pub", 12345, 0)
    #expect(
      try ring.refusal()
        == "good.so.sig: expected a signature by a key in keys (none), found one by the unknown key \(ring.id); "
        + "keys/good.pub: expected owner 0, found 12345")
  }

  @Test func `A key that others may write, a link to one, and no key at all, do not count`() throws {
    let path = ring.keys + "/good.pub"
    let unknown = "good.so.sig: expected a signature by a key in keys (none), found one by the unknown key \(ring.id); "
    chmod(path, 0o666)
    #expect(
      try ring.refusal() == unknown + "keys/good.pub: expected mode 0644 (only its owner may write it), found 0666")
    chmod(path, 0o644)
    rename(path, ring.workshop.path("good.pub"))
    symlink(ring.workshop.path("good.pub"), path)
    #expect(try ring.refusal() == unknown + "keys/good.pub: expected a regular file, found a symbolic link to good.pub")
    unlink(path)
    try KeyRing.write(KeyRing.armored(Array("Ed".utf8)), to: path)
    #expect(try ring.refusal() == unknown + "keys/good.pub: expected 42 bytes in base64, found 2")
  }

  @Test func `A malformed key beside a good one is known, and in nobody's way`() throws {
    try KeyRing.write([1, 2, 3], to: ring.keys + "/bad.pub")
    // What is hidden, and what is no key by its name, is not read.
    try KeyRing.write([1], to: ring.keys + "/.hidden.pub")
    try KeyRing.write([1], to: ring.keys + "/README")
    #expect(try ring.inspect().verdict == .accepted)
    let trusted = try TrustedKeys(ring.keys)
    #expect(trusted.ids == [ring.id])
    #expect(trusted.problems.map { ($0.path as NSString).lastPathComponent } == ["bad.pub"])
  }

  @Test func `Two keys with one number are one too many`() throws {
    let text = String(decoding: try Workshop.read(ring.keys + "/good.pub"), as: UTF8.self)
    var bytes = Array(try #require(Data(base64Encoded: String(text.split(separator: "\n")[1]))))
    try KeyRing.write(KeyRing.armored(bytes), to: ring.keys + "/same.pub")
    #expect(try TrustedKeys(ring.keys).problems == [])
    bytes[41] ^= 1
    try KeyRing.write(KeyRing.armored(bytes), to: ring.keys + "/twin.pub")
    let problem = try #require(try TrustedKeys(ring.keys).problems.first)
    #expect(problem.reason == "expected a key with a number of its own, found \(ring.id), which another key has")
  }
}
