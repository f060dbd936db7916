/// Something that takes bytes of strangers. Any bytes whatever have to do it no harm.
///
/// One thread. What it has taken before may matter: it is one target, as long as it is fed.
public protocol FuzzTarget: AnyObject {
  /// Gives it an input. Throws what is wrong, if that is seen by anything but a crash.
  func feed(_ input: [UInt8]) throws(FuzzFinding)
}

/// What an input has brought to light.
public struct FuzzFinding: Error, CustomStringConvertible {
  /// What was expected, and what was found.
  public let description: String

  init(_ description: String) { self.description = description }
}
