import CNetISRHost
import Foundation
import Glibc
import NetISR
import PluginHost
import PluginInspector
import Testing
import TestSupport

/// Who may put a plugin into a directory, and signatures in one that is watched.
@Suite struct TrustTests {
  /// A watched directory, empty, with a build of the probe outside of it, and a key in another folder.
  private func withDirectory(
    signatures: Bool = false, _ body: (_ folder: String, _ build: String, _ host: PluginHost) throws -> Void
  ) throws {
    try Fixtures.withTemporaryDirectory { outside in
      let (folder, keys) = ("\(outside)/plugins.d", "\(outside)/keys")
      for path in [folder, keys] {
        mkdir(path, 0o755)
        chmod(path, 0o755)
      }
      let build = "\(outside)/build.so"
      try CPlugin.compile(CPlugin.probe(build: 1), to: build)
      chmod(build, 0o755)
      var policy = InspectionPolicy()
      if signatures {
        let files = try SecretKey.makeFiles(prefix: "\(outside)/key")
        rename(files.public, "\(keys)/key.pub")
        _ = try SecretKey(file: files.secret).sign(file: build)
        policy.signatures = SignaturePolicy(keys: keys, isRequired: true)
      }
      try withHost(workers: false, policy: policy) { _, host in
        let directory = try PluginDirectory(folder, of: host, watching: true)
        defer { directory.stop() }
        try body(folder, build, host)
      }
    }
  }

  /// Puts a file there in one step.
  private func drop(_ file: String, to path: String) throws {
    try FileManager.default.copyItem(atPath: file, toPath: path + ".new")
    rename(path + ".new", path)
  }

  private func reasons(_ host: PluginHost, _ file: String) -> [String]? {
    host.list().first { $0.state == .refused && $0.file == file }?.reasons
  }

  // MARK: The directory

  @Test(arguments: [0o775, 0o757, 0o1777] as [mode_t])
  func aDirectoryThatOthersMayWriteIsAnError(mode: mode_t) throws {
    try withDirectory { folder, build, host in
      chmod(folder, mode)
      let error = #expect(throws: PluginError.self) { try PluginDirectory(folder, of: host, watching: false) }
      #expect(error?.subject == folder)
      let (allowed, found) = (String(mode & ~0o22, radix: 8), String(mode, radix: 8))
      #expect(error?.problems == ["expected mode 0\(allowed) (only its owner may write it), found 0\(found)"])

      // It became so later: nothing more comes out of it by itself; what somebody asks for is looked at for itself.
      try drop(build, to: "\(folder)/probe.so")
      #expect(eventually { reasons(host, "probe.so") != nil })
      #expect(
        reasons(host, "probe.so") == [
          "permissions: \(folder): expected mode 0\(allowed) (only its owner may write it), found 0\(found)"
        ])
      #expect(host.plugin(named: "probe") == nil)
      #expect(try host.load("\(folder)/probe.so").state == .serving)
    }
  }

  /// As soon as nobody else may write them, they are good.
  @Test func mendedItComesIn() throws {
    try withDirectory { folder, build, host in
      let plugin = "\(folder)/probe.so"
      chmod(build, 0o777)
      try drop(build, to: plugin)
      #expect(eventually { reasons(host, "probe.so") != nil })
      chmod(plugin, 0o755)
      #expect(eventually { host.plugin(named: "probe")?.generation == 1 })
      #expect(reasons(host, "probe.so") == nil)

      unlink(plugin)
      #expect(eventually { host.plugin(named: "probe") == nil })
      chmod(build, 0o755)
      chmod(folder, 0o777)
      try drop(build, to: plugin)
      #expect(eventually { reasons(host, "probe.so") != nil })
      chmod(folder, 0o755)
      #expect(eventually { host.plugin(named: "probe")?.generation == 2 })
    }
  }

  @Test(.enabled(if: geteuid() == 0)) func somebodyElsesDirectoryIsAnError() throws {
    try withDirectory { folder, _, host in
      chown(folder, 12345, 0)
      let error = #expect(throws: PluginError.self) { try PluginDirectory(folder, of: host, watching: false) }
      #expect(error?.description == "\(folder): expected owner 0, found 12345")
    }
  }

  @Test func aLinkIsNotFollowed() throws {
    try withDirectory { folder, build, host in
      // Out of the directory, and within it.
      symlink(build, "\(folder)/.a")
      rename("\(folder)/.a", "\(folder)/a.so")
      symlink("b.so", "\(folder)/.b")
      rename("\(folder)/.b", "\(folder)/b.so")
      #expect(eventually { reasons(host, "b.so") != nil })
      #expect(
        reasons(host, "a.so") == ["permissions: expected a regular file, found a symbolic link to \(build)"])
      #expect(reasons(host, "b.so") == ["permissions: expected a regular file, found a symbolic link to b.so"])
      #expect(host.plugin(named: "probe") == nil)
    }
  }

  // MARK: Signatures

  @Test func theSignatureMayComeFirstOrLast() throws {
    try withDirectory(signatures: true) { folder, build, host in
      let plugin = "\(folder)/probe.so"
      try drop(build, to: plugin)
      #expect(
        eventually { reasons(host, "probe.so") == ["signature: expected a signature in \(plugin).sig, found none"] })
      try drop(build + ".sig", to: plugin + ".sig")
      #expect(eventually { host.plugin(named: "probe")?.generation == 1 })
      #expect(reasons(host, "probe.so") == nil)

      unlink(plugin)
      #expect(eventually { host.plugin(named: "probe") == nil })
      try drop(build, to: plugin)
      #expect(eventually { host.plugin(named: "probe")?.generation == 2 })
      // A signature alone is nothing that could be refused.
      try drop(build + ".sig", to: "\(folder)/alone.so.sig")
      try drop("/dev/null", to: "\(folder)/last.so")
      #expect(eventually { reasons(host, "last.so") != nil })
      #expect(reasons(host, "alone.so") == nil)
    }
  }

  @Test func withoutItsSignatureItServesUntilTheNextLoad() throws {
    try withDirectory(signatures: true) { folder, build, host in
      let plugin = "\(folder)/probe.so"
      try drop(build + ".sig", to: plugin + ".sig")
      try drop(build, to: plugin)
      #expect(eventually { host.plugin(named: "probe")?.generation == 1 })
      unlink(plugin + ".sig")
      let error = #expect(throws: PluginError.self) { try host.reload("probe") }
      #expect(error?.problems == ["signature: expected a signature in \(plugin).sig, found none"])
      #expect(host.plugin(named: "probe")?.state == .serving)
      #expect(host.plugin(named: "probe")?.generation == 1)
      // Back, it says no more than that the present bytes are good.
      try drop(build + ".sig", to: plugin + ".sig")
      #expect(eventually { reasons(host, "probe.so") == nil })
      #expect(host.plugin(named: "probe")?.generation == 1)
    }
  }

  @Test func aSwapWaitsForItsSignature() throws {
    try withDirectory(signatures: true) { folder, build, host in
      let plugin = "\(folder)/probe.so"
      try drop(build + ".sig", to: plugin + ".sig")
      try drop(build, to: plugin)
      #expect(eventually { host.plugin(named: "probe")?.generation == 1 })
      let next = build + ".2"
      try CPlugin.compile(CPlugin.probe(build: 2), to: next)
      _ = try SecretKey(file: "\((build as NSString).deletingLastPathComponent)/key.sec").sign(file: next)
      try drop(next, to: plugin)
      #expect(eventually { reasons(host, "probe.so")?.first?.hasSuffix("found one of other bytes") == true })
      #expect(host.plugin(named: "probe")?.generation == 1)
      try drop(next + ".sig", to: plugin + ".sig")
      #expect(eventually { host.plugin(named: "probe")?.generation == 2 })
    }
  }

  /// An unsigned plugin with another name must not take a signed one out of service.
  @Test func anUnsignedFileWithAnotherNameChangesNothing() throws {
    try withDirectory(signatures: true) { folder, build, host in
      let plugin = "\(folder)/probe.so"
      try drop(build + ".sig", to: plugin + ".sig")
      try drop(build, to: plugin)
      #expect(eventually { host.plugin(named: "probe")?.generation == 1 })
      let other = build + ".other"
      let source = CPlugin.probe(build: 3).replacingOccurrences(of: #""probe""#, with: #""other""#)
        .replacingOccurrences(of: #""probe."#, with: #""other."#)
      try CPlugin.compile(source, to: other)
      try drop(other, to: plugin)
      #expect(eventually { reasons(host, "probe.so") != nil })
      #expect(host.plugin(named: "probe")?.generation == 1)
      #expect(host.plugin(named: "other") == nil)
    }
  }

  // MARK: What is loaded

  @Test func aSealedFileChangesForNobody() throws {
    let descriptor = netisr_host_memfd("netisr:sealed")
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    #expect(write(descriptor, "0123456789", 10) == 10)
    #expect(netisr_host_memfd_seal(descriptor) == 0)
    // By another way to it, too.
    let other = open("/proc/self/fd/\(descriptor)", O_RDWR)
    try #require(other >= 0)
    defer { close(other) }
    for file in [descriptor, other] {
      #expect(pwrite(file, "x", 1, 0) == -1 && errno == EPERM)
      #expect(ftruncate(file, 5) == -1 && errno == EPERM)
      #expect(ftruncate(file, 20) == -1 && errno == EPERM)
      #expect(mmap(nil, 10, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED)
    }
  }
}
