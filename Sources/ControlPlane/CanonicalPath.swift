import Glibc

/// One spelling for each file, so that client, host and directory watcher mean the same by the same text.
public enum CanonicalPath {
  /// The path with its folder made absolute and free of links. The file itself may be a link, or not be there.
  public static func of(file path: String) -> String {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
    guard let real = real(folder) else { return path }
    return real == "/" ? "/\(name)" : "\(real)/\(name)"
  }

  /// The folder, absolute and free of links; as it was if it is not there.
  public static func of(folder path: String) -> String { real(path) ?? path }

  private static func real(_ path: String) -> String? {
    // With NULL, realpath(3) allocates.
    guard let text = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(text) }
    return unsafe String(cString: text)
  }
}
