/// One value of a host under its sysctl-like name.
struct Setting {
  /// How it can be changed.
  enum Access {
    /// Takes a new value's text; throws what was expected and found.
    case writable((String) throws(ControlError) -> Void)
    /// Not while the host runs; the text says why, or what to do instead.
    case readOnly(String)
  }

  let name: String
  let value: String
  let access: Access

  var isWritable: Bool {
    if case .writable = access { true } else { false }
  }

  var model: SettingValue { SettingValue(name: name, value: value, writable: isWritable) }

  /// A number in a range, from text.
  static func number(_ text: String, for name: String, in range: ClosedRange<Int>) throws(ControlError) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw ControlError(
        .badRequest, "\(name): expected a number from \(range.lowerBound) to \(range.upperBound), found '\(text)'")
    }
    return number
  }
}
