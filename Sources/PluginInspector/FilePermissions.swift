import Glibc

/// Who may have written a file: code that enters this process must come from root or from this process's own user.
///
/// A directory in which whatever appears is loaded must be theirs as well. The directories above it are not looked at:
/// somebody who may rename one of those can put another directory in the place of this one, but not one that is root's
/// or the user's and closed to others. (Access control lists need no look of their own: what they let others do at most
/// is in the mode, see acl(5).)
public enum FilePermissions {
  /// What is wrong with a plugin file's type, owner and mode, as findings of the check ``InspectionCheck/permissions``.
  ///
  /// - Parameters:
  ///   - status: The file's status; take it from the open descriptor that the bytes are read from, see fstat(2).
  ///   - user: The user that the file may belong to, besides root.
  /// - Returns: Nothing for a regular file of root or `user` that neither group nor others may write.
  public static func problems(of status: stat, user: uid_t = geteuid()) -> [InspectionReport.Finding] {
    messages(file: status, user: user).map { .init(check: .permissions, message: $0) }
  }

  /// What is wrong with a directory of plugins, or of keys: each thing with what was expected and what was found.
  ///
  /// - Parameter status: The directory's, from an open descriptor.
  public static func messages(directory status: stat, user: uid_t = geteuid()) -> [String] {
    type(status, S_IFDIR, "a directory") + owner(status, user) + mode(status, forbidden: S_IWGRP | S_IWOTH)
  }

  /// The same of a file that others may read.
  static func messages(file status: stat, user: uid_t = geteuid()) -> [String] {
    type(status, S_IFREG, "a regular file") + owner(status, user) + mode(status, forbidden: S_IWGRP | S_IWOTH)
  }

  /// The same of a file that nobody else may even read.
  static func messages(secret status: stat, user: uid_t = geteuid()) -> [String] {
    type(status, S_IFREG, "a regular file") + owner(status, user)
      + mode(status, forbidden: S_IRWXG | S_IRWXO)
  }

  /// Says that a path names a link, and where that leads.
  public static func linkMessage(at path: String) -> String {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe target.withUnsafeMutableBytes {
      unsafe readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    let end = count > 0 ? " to \(String(decoding: target[..<count], as: UTF8.self))" : ""
    return "expected a regular file, found a symbolic link\(end)"
  }

  private static func type(_ status: stat, _ expected: mode_t, _ name: String) -> [String] {
    let found = status.st_mode & S_IFMT
    return found == expected ? [] : ["expected \(name), found type \(octal(found))"]
  }

  private static func owner(_ status: stat, _ user: uid_t) -> [String] {
    if status.st_uid == 0 || status.st_uid == user { return [] }
    return ["expected owner \(user == 0 ? "0" : "0 or \(user)"), found \(status.st_uid)"]
  }

  private static func mode(_ status: stat, forbidden: mode_t) -> [String] {
    // Everybody may "write" a link: what counts is what it leads to, and that is not followed.
    if status.st_mode & S_IFMT == S_IFLNK || status.st_mode & forbidden == 0 { return [] }
    let found = status.st_mode & 0o7777
    let what = forbidden & S_IRGRP == 0 ? "only its owner may write it" : "nobody else may read or write it"
    return ["expected mode \(octal(found & ~forbidden)) (\(what)), found \(octal(found))"]
  }

  private static func octal(_ mode: mode_t) -> String { "0" + String(mode, radix: 8) }
}
