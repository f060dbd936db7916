import Glibc

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Error {
  /// Why a file operation of Foundation failed, in a line: "/proc/x: No such file or directory".
  var fileReason: String {
    guard let error = self as? CocoaError, let cause = unsafe error.userInfo["NSUnderlyingError"] as? POSIXError else {
      return "\(self)"
    }
    let path = unsafe error.userInfo["NSFilePath"].map { "\($0): " } ?? ""
    return unsafe path + String(cString: strerror(cause.code.rawValue))
  }
}
