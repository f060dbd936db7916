/// A request, whatever carried it.
struct APIRequest: Sendable {
  var method: String
  /// Without host and query: "/v1/plugins/ip".
  var path: String
  var body: [UInt8]

  /// Whether it changes nothing.
  var isRead: Bool { method == "GET" || method == "HEAD" }
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
