import Glibc

/// Why an interface can't be opened, or is not open any more. `description` is one line.
public struct LiveError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Kind: Hashable, Sendable {
    /// There is no such device; it may come.
    case noDevice
    /// A right is missing.
    case notPermitted
    /// The device is of a kind that is not taken here.
    case unsupported
    /// The system's word.
    case system
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// What was expected, and what was found.
  public let description: String

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// From a function's negated errno value.
  ///
  /// - Parameter capability: what EPERM means.
  init(_ result: Int32, of what: String, capability: String) {
    switch -result {
    case ENODEV, ENXIO: self.init(.noDevice, "\(what): no such device")
    case EPERM, EACCES:
      self.init(.notPermitted, "\(what): not permitted: it takes \(capability) (capabilities(7)), or root")
    case let code: self.init(.system, unsafe "\(what): \(String(cString: strerror(code)))")
    }
  }
}
