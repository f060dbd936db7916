import CNetISR
import Foundation
import Glibc
import Logging
import NetISR
import PluginHost
import Testing
import TestSupport

/// What happens to a directory's files happens to the plugins, under traffic: the outcomes that a user relies on.
@Suite struct DirectoryTests {
  /// A watched directory with build 1 of the probe in `probe.so`, and a thread that sends to it without pause.
  private func withServingDirectory(
    _ body: (_ folder: String, _ builds: [String], _ host: PluginHost, _ served: @escaping (Int) -> UInt64) throws ->
      Void
  ) throws {
    try Fixtures.withTemporaryDirectory { outside in
      let folder = "\(outside)/plugins.d"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      let builds = [1, 2].map { "\(outside)/build\($0).so" }
      for (index, path) in builds.enumerated() { try CPlugin.compile(CPlugin.probe(build: index + 1), to: path) }
      try FileManager.default.copyItem(atPath: builds[0], toPath: "\(folder)/probe.so")
      try withHost { engine, host in
        let directory = try PluginDirectory(folder, of: host, watching: true)
        defer { directory.stop() }
        #expect(host.plugin(named: "probe")?.state == .serving)
        let done = Flag()
        let sender = NetISR.Thread(name: "sender") {
          engine.withAttachedThread {
            var flows = FlowSender()
            while !done.isSet {
              flows.send(256, on: engine)
              usleep(100)
            }
            flows.free()
          }
        }
        defer {
          done.set()
          sender.join()
          #expect(engine.conservation().isBalanced)
          #expect(engine.counterValue(named: "probe.disorder") == 0)
        }
        try body(folder, builds, host) { engine.counterValue(named: "probe.build\($0)") ?? 0 }
      }
    }
  }

  /// Whether packets are being handled by a build now.
  private func serves(_ build: Int, _ served: @escaping (Int) -> UInt64) -> Bool {
    let before = served(build)
    return eventually { served(build) > before + 100 }
  }

  private func hasRefusal(_ host: PluginHost, _ file: String) -> Bool {
    host.list().contains { $0.state == .refused && $0.file == file }
  }

  @Test func overwrittenInPlaceItIsSwapped() throws {
    try withServingDirectory { folder, builds, host, served in
      #expect(serves(1, served))
      let bytes = try Data(contentsOf: URL(fileURLWithPath: builds[1]))
      let file = try #require(FileHandle(forWritingAtPath: "\(folder)/probe.so"))
      // Half of it, and a pause: an unfinished file changes nothing.
      try file.truncate(atOffset: 0)
      try file.write(contentsOf: bytes.prefix(bytes.count / 2))
      #expect(serves(1, served))
      #expect(host.plugin(named: "probe")?.generation == 1)
      try file.write(contentsOf: bytes.dropFirst(bytes.count / 2))
      try file.close()
      #expect(eventually { host.plugin(named: "probe")?.generation == 2 })
      #expect(serves(2, served))
    }
  }

  @Test func truncatedItServesOn() throws {
    try withServingDirectory { folder, _, host, served in
      truncate("\(folder)/probe.so", 0)
      let file = try #require(FileHandle(forWritingAtPath: "\(folder)/probe.so"))
      try file.write(contentsOf: Data([0x7f, 0x45]))
      try file.close()
      #expect(eventually { hasRefusal(host, "probe.so") })
      #expect(host.plugin(named: "probe")?.generation == 1)
      #expect(serves(1, served))
    }
  }

  @Test func renamedOverItIsSwapped() throws {
    try withServingDirectory { folder, builds, host, served in
      try FileManager.default.copyItem(atPath: builds[1], toPath: "\(folder)/.incoming")
      rename("\(folder)/.incoming", "\(folder)/probe.so")
      #expect(eventually { host.plugin(named: "probe")?.generation == 2 })
      #expect(serves(2, served))
      #expect(eventually { host.list().map(\.generation) == [2] })
    }
  }

  @Test func deletedItIsGone() throws {
    try withServingDirectory { folder, builds, host, served in
      unlink("\(folder)/probe.so")
      #expect(eventually { host.list().isEmpty })
      // And back again, under another name: the file's name is not the plugin's.
      try FileManager.default.copyItem(atPath: builds[1], toPath: "\(folder)/other.so")
      #expect(eventually { host.plugin(named: "probe")?.file == "other.so" })
      #expect(serves(2, served))
    }
  }

  @Test func replacedByARefusedFileItServesOn() throws {
    try withServingDirectory { folder, builds, host, served in
      var bytes = try Data(contentsOf: URL(fileURLWithPath: builds[1]))
      // Another machine's code.
      bytes[18] = 0xf3
      try bytes.write(to: URL(fileURLWithPath: "\(folder)/.bad"))
      rename("\(folder)/.bad", "\(folder)/probe.so")
      #expect(eventually { hasRefusal(host, "probe.so") })
      let refusal = host.list().first { $0.state == .refused }
      #expect(refusal?.reasons.contains { $0.hasPrefix("machine:") } == true, "\(String(describing: refusal))")
      #expect(serves(1, served))
      // Mended, it takes over, and the refusal is forgotten.
      try FileManager.default.copyItem(atPath: builds[1], toPath: "\(folder)/.good")
      rename("\(folder)/.good", "\(folder)/probe.so")
      #expect(eventually { host.plugin(named: "probe")?.generation == 2 })
      #expect(!hasRefusal(host, "probe.so"))
      #expect(serves(2, served))
    }
  }

  @Test func whatIsNoPluginFileIsIgnored() throws {
    try withServingDirectory { folder, builds, host, served in
      try FileManager.default.copyItem(atPath: builds[1], toPath: "\(folder)/.hidden.so")
      try FileManager.default.copyItem(atPath: builds[1], toPath: "\(folder)/probe.so.bak")
      try "notes".write(toFile: "\(folder)/README", atomically: false, encoding: .utf8)
      // The same bytes written again are no new generation.
      try Data(contentsOf: URL(fileURLWithPath: builds[0])).write(to: URL(fileURLWithPath: "\(folder)/probe.so"))
      // A file that must be noticed, after all of these.
      symlink(builds[1], "\(folder)/link.so")
      rename("\(folder)/link.so", "\(folder)/zlink.so")
      #expect(eventually { hasRefusal(host, "zlink.so") })
      #expect(host.list().filter { $0.state == .refused }.map(\.file) == ["zlink.so"])
      #expect(host.plugin(named: "probe")?.generation == 1)
      #expect(serves(1, served))
    }
  }

  @Test func aSecondFileWithTheNameWaitsForTheFirst() throws {
    try withServingDirectory { folder, builds, host, served in
      try FileManager.default.copyItem(atPath: builds[1], toPath: "\(folder)/second.so")
      #expect(eventually { hasRefusal(host, "second.so") })
      #expect(serves(1, served))
      unlink("\(folder)/probe.so")
      #expect(eventually { host.plugin(named: "probe")?.file == "second.so" })
      #expect(serves(2, served))
    }
  }
}
