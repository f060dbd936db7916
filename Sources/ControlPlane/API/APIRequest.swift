/// A request, whatever carried it.
struct APIRequest: Sendable {
  var method: String
  /// Without host and query: "/v1/plugins/ip", as it is written.
  var path: String
  /// What follows the question mark: "vnet=1&limit=10"; names and values are taken as they are written.
  var query: [String: String]
  var body: [UInt8]

  /// Whether it changes nothing.
  var isRead: Bool { method == "GET" || method == "HEAD" }

  /// What the path names, part by part, with what was escaped as it is meant (RFC 3986, section 2.1).
  var parts: [String] { path.split(separator: "/", omittingEmptySubsequences: true).map { Self.unescape($0.utf8) } }

  /// What is no escape stays as it is.
  private static func unescape(_ part: Substring.UTF8View) -> String {
    var bytes: [UInt8] = []
    var rest = part[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2,
        digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A request for a target such as "/v1/tables/arp.neighbours?vnet=1".
  init(method: String, target: String, body: [UInt8]) {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    self.method = method
    self.body = body
    path = parts.first.map(String.init) ?? ""
    query = [:]
    for pair in parts.dropFirst().first?.split(separator: "&") ?? [] {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      query[String(sides[0])] = sides.count == 2 ? String(sides[1]) : ""
    }
  }
}

/// An answer: a status code and a JSON object.
struct APIResponse: Sendable {
  var status: Int
  var body: [UInt8]
  /// For 405: the methods that the resource has.
  var allow: [String] = []

  init(_ status: Int = 200, _ value: some Encodable) {
    self.status = status
    body = JSON.encode(value)
  }

  init(_ error: ControlError) {
    let status =
      switch error.kind {
      case .badRequest: 400
      case .notFound: 404
      case .conflict: 409
      case .refused: 422
      case .failed: 500
      }
    self.init(status, ErrorBody(error: error.description, problems: error.problems))
  }
}
