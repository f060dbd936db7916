import Glibc
import NetISR
import PluginInspector

/// Keeps the plugins of a host as the files of a directory are: a file that appears is loaded, one that is
/// replaced is swapped, one that is deleted is unloaded.
///
/// A file counts when it is complete: closed after writing, or renamed into the directory. Hidden files, and names that
/// don't end in `.so`, are ignored. Files whose bytes did not change are left alone; those whose code has faulted before are
/// refused. A name belongs to the file that
/// has it first; when that file goes, the others are looked at again.
///
/// Where signatures count, `NAME.so.sig` is looked at beside `NAME.so`, whichever comes first; what happens to it when the
/// plugin serves makes no difference until the next load.
public final class PluginDirectory: @unchecked Sendable {
  private let host: PluginHost
  private let path: String
  // Written by init and stop only.
  private var watcher: DirectoryWatcher?

  /// Loads what is there, in the order of the names, and, if `watching`, follows the directory from then on.
  /// Throws when the directory can't be read, or others may write it; what is wrong with single files is kept in the
  /// host's list.
  public init(_ path: String, of host: PluginHost, watching: Bool) throws(PluginError) {
    self.path = path
    self.host = host
    try Self.check(path)
    if watching {
      // Before the first look, so that nothing falls between the two; a file seen twice is found unchanged.
      watcher = try DirectoryWatcher(path) { [weak self] in self?.handle($0) }
    }
    let files = try Self.files(in: path)
    for file in files { update(file) }
  }

  /// Stops following. The plugins stay.
  public func stop() {
    watcher?.stop()
    watcher = nil
  }

  private func handle(_ event: DirectoryEvent) {
    switch event {
    case .complete(let name):
      if Self.isCandidate(name) {
        update("\(path)/\(name)")
      } else if host.inspector.policy.signatures != nil, name.hasSuffix(SignatureFile.suffix) {
        let plugin = String(name.dropLast(SignatureFile.suffix.count))
        if Self.isCandidate(plugin), unsafe access("\(path)/\(plugin)", F_OK) == 0 {
          update("\(path)/\(plugin)", isAgain: true)
        }
      }
    case .gone(let name):
      if Self.isCandidate(name) { remove("\(path)/\(name)") }
    case .changed(let name):
      retry(name)
    case .overflow:
      rescan()
    case .directoryGone:
      host.logger.error("\(path): the directory is gone; its plugins serve on, and it is no longer watched")
    }
  }

  /// Looks again at what was refused for who might write it: at one file, or at all when `name` is empty.
  private func retry(_ name: String) {
    for path in host.pathsRefused(for: .permissions) where path.hasPrefix(self.path + "/") {
      if name.isEmpty || path == "\(self.path)/\(name)" { update(path, isAgain: true) }
    }
  }

  /// Loads or swaps a file that is complete.
  ///
  /// - Parameter isAgain: the same bytes may be judged otherwise now.
  private func update(_ file: String, isAgain: Bool = false) {
    do throws(PluginError) {
      if let present = host.plugin(at: file), let name = present.name {
        let bytes = try PluginBytes(reading: file, for: host.inspector.policy, isTrusted: false)
        let sha256 = bytes.sha256
        if sha256 == present.sha256 {
          host.forgetRefusal(of: file)
          return
        }
        if !isAgain && host.wasRefused(file, sha256: sha256) { return }
        let found = host.report(on: bytes, at: file)
        if found.verdict == .accepted, let other = found.name, other != name {
          // Another plugin has come in this one's place.
          try host.unload(name)
          try host.load(file, isTrusted: false)
        } else {
          try host.reload(name, from: file, isTrusted: false)
        }
      } else {
        try host.load(file, isTrusted: false)
      }
    } catch {
      // The host has logged it, and keeps it for the list.
    }
  }

  private func remove(_ file: String) {
    // Deleted and made again before this event was read: the next event is about the new file.
    if unsafe access(file, F_OK) == 0 { return update(file) }
    host.forgetRefusal(of: file)
    guard let name = host.plugin(at: file)?.name else { return }
    do throws(PluginError) {
      try host.unload(name)
    } catch {
      host.logger.error("\(error)")
    }
    rescan()
  }

  /// Makes the plugins what the directory says now.
  private func rescan() {
    guard let files = try? Self.files(in: path) else { return }
    for info in host.list()
    where (info.state == .serving || info.state == .quarantined) && info.path.hasPrefix(path + "/") {
      if !files.contains(info.path) { remove(info.path) }
    }
    // Events of signatures may be among those that were lost.
    for file in files { update(file, isAgain: host.inspector.policy.signatures != nil) }
  }

  /// Throws unless nobody but root and this process's user can put anything into a directory. It is asked again with
  /// each file that is loaded.
  private static func check(_ path: String) throws(PluginError) {
    let problems = try OpenDirectory(path).problems
    guard problems.isEmpty else { throw PluginError(path, problems) }
  }

  private static func isCandidate(_ name: String) -> Bool {
    !name.hasPrefix(".") && name.hasSuffix(".so")
  }

  private static func files(in path: String) throws(PluginError) -> [String] {
    guard let directory = unsafe opendir(path) else {
      throw unsafe PluginError(path, [String(cString: strerror(errno))])
    }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if isCandidate(name) { names.append(name) }
    }
    return names.sorted().map { "\(path)/\($0)" }
  }
}
