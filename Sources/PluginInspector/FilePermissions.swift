import Glibc

/// Who may have written a file: code that enters this process must come from root or from this process's own user.
public enum FilePermissions {
  /// What is wrong with a file's type, owner and mode, as findings of the check ``InspectionCheck/permissions``.
  ///
  /// - Parameters:
  ///   - status: The file's status; take it from the open descriptor that the bytes are read from, see fstat(2).
  ///   - user: The user that the file may belong to, besides root.
  /// - Returns: Nothing for a regular file of root or `user` that neither group nor others may write.
  public static func problems(of status: stat, user: uid_t = geteuid()) -> [InspectionReport.Finding] {
    var messages: [String] = []
    let type = status.st_mode & S_IFMT
    if type != S_IFREG {
      messages.append("expected a regular file, found type \(octal(type))")
    }
    if status.st_uid != 0 && status.st_uid != user {
      messages.append("expected owner \(user == 0 ? "0" : "0 or \(user)"), found \(status.st_uid)")
    }
    if type != S_IFLNK && status.st_mode & (S_IWGRP | S_IWOTH) != 0 {
      messages.append(
        "expected a file that only its owner may write, found mode \(octal(status.st_mode & 0o7777))")
    }
    return messages.map { InspectionReport.Finding(check: .permissions, message: $0) }
  }

  private static func octal(_ mode: mode_t) -> String { "0" + String(mode, radix: 8) }
}
