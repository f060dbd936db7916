// Routes.

extension Router {
  func routes(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.routes(vnet: vnet(of: request)))
  }

  func changeRoute(_ request: APIRequest) throws(ControlError) -> APIResponse {
    let body = try decode(
      RouteRequest.self, request, example: #"{"action": "add", "prefix": "10.0.0.0/8", "via": "..", "vnet": 0}"#)
    return APIResponse(200, try host.change(body))
  }

  func lookUpRoute(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.route(to: request.query["address"] ?? "", vnet: vnet(of: request)))
  }

  func routeChanges(_ request: APIRequest) throws(ControlError) -> APIResponse {
    guard let text = request.query["after"] else {
      return APIResponse(200, try host.routeChanges(after: nil, vnet: vnet(of: request)))
    }
    guard let after = UInt64(text) else {
      throw ControlError(.badRequest, "after: expected a number, found '\(text)'")
    }
    return APIResponse(200, try host.routeChanges(after: after, vnet: vnet(of: request)))
  }

  /// The vnet that a request is about; 0 when it says nothing.
  func vnet(of request: APIRequest) throws(ControlError) -> UInt32 {
    UInt32(try number("vnet", of: request, default: 0, in: 0...Int(VnetRange.limit - 1)))
  }
}
