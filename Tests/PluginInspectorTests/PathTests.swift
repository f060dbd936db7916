import Foundation
import Glibc
import Testing

import PluginInspector

/// Files: who may write them, and those that cannot be read.
@Suite struct PathTests {
  let inspector = Inspector()

  @Test func `A file of our own that nobody else may write is accepted`() throws {
    let workshop = try Workshop()
    let path = try workshop.build(Source.good)
    chmod(path, 0o755)
    let report = try inspector.inspect(path: path)
    #expect(report.problems == [])
    #expect(report.file == path)
  }

  @Test(arguments: [0o775, 0o757, 0o666] as [mode_t])
  func `A file that others may write fails permissions and no other check`(mode: mode_t) throws {
    let workshop = try Workshop()
    let path = try workshop.build(Source.good)
    chmod(path, mode)
    let report = try inspector.inspect(path: path)
    #expect(report.problems.map(\.check) == [.permissions])
    #expect(report.verdict == .refused)
    let allowed = "0" + String(mode & ~0o22, radix: 8)
    #expect(
      report.problems[0].message
        == "expected mode \(allowed) (only its owner may write it), found 0\(String(mode, radix: 8))")
  }

  @Test func `A symbolic link fails permissions and no other check`() throws {
    let workshop = try Workshop()
    let path = try workshop.build(Source.good)
    chmod(path, 0o755)
    symlink(path, workshop.path("link.so"))
    let report = try inspector.inspect(path: workshop.path("link.so"))
    #expect(
      report.problems == [
        .init(check: .permissions, message: "expected a regular file, found a symbolic link to \(path)")
      ])
  }

  @Test(.enabled(if: geteuid() == 0)) func `Somebody else's file fails permissions, with both owners`() throws {
    let workshop = try Workshop()
    let path = try workshop.build(Source.good)
    chmod(path, 0o755)
    chown(path, 12345, 0)
    let report = try inspector.inspect(path: path)
    #expect(report.problems == [.init(check: .permissions, message: "expected owner 0, found 12345")])
  }

  @Test func `The owner is root or the given user`() {
    var status = stat()
    status.st_mode = S_IFREG | 0o644
    for (owner, user, isGood) in [(0, 0, true), (0, 7, true), (7, 7, true), (7, 0, false), (8, 7, false)] {
      status.st_uid = uid_t(owner)
      #expect(FilePermissions.problems(of: status, user: uid_t(user)).isEmpty == isGood)
    }
    // A directory is judged in the same way.
    status.st_mode = S_IFDIR | 0o775
    #expect(
      FilePermissions.messages(directory: status, user: 7) == [
        "expected owner 0 or 7, found 8", "expected mode 0755 (only its owner may write it), found 0775",
      ])
    status.st_mode = S_IFREG | 0o644
    status.st_uid = 0
    #expect(FilePermissions.messages(directory: status) == ["expected a directory, found type 0100000"])
    status.st_mode = S_IFIFO | 0o644
    #expect(FilePermissions.problems(of: status).map(\.check).contains(.permissions))
  }

  @Test func `What cannot be read is an error with its number`() throws {
    let workshop = try Workshop()
    mkfifo(workshop.path("fifo.so"), 0o600)
    for (name, code) in [("none.so", ENOENT), (".", EISDIR), ("fifo.so", EINVAL)] {
      let path = workshop.path(name)
      #expect(throws: Inspector.ReadError(path: path, code: code)) { try inspector.inspect(path: path) }
    }
  }
}
