import PacketIO

/// An interface as the user asks for it: `file:PATH?loop&pps=1000`.
public struct InterfaceArgument: Sendable {
  /// What the user wrote.
  public let text: String
  let spec: InterfaceSpec

  /// Understands a text; throws what was expected and found.
  public init(parsing text: String) throws(ControlError) {
    self.text = text
    do throws(InterfaceSpecError) {
      spec = try InterfaceSpec(parsing: text)
    } catch {
      throw ControlError(.badRequest, error.description)
    }
  }

  /// The same for a host with another working directory: a capture's path is made absolute.
  public var absolute: String {
    guard case .capture(let capture) = spec else { return text }
    let options = text.firstIndex(of: "?").map { text[$0...] } ?? ""
    return "file:\(CanonicalPath.of(file: capture.path).replacing("?", with: "%3F"))\(options)"
  }
}
