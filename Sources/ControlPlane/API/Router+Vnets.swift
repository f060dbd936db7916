// Vnets.

extension Router {
  func vnets(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, host.vnets())
  }

  func createVnet(_ request: APIRequest) throws(ControlError) -> APIResponse {
    let body = try decode(VnetRequest.self, request, example: #"{"vnet": 1}"#)
    return APIResponse(201, try host.createVnet(body.vnet))
  }

  func deleteVnet(_ request: APIRequest, _ number: String) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.deleteVnet(vnet(number)))
  }

  /// "/v1/vnets/1/protocols/ip"
  func setVnetProtocol(_ request: APIRequest, _ path: [String]) throws(ControlError) -> APIResponse {
    let body = try decode(VnetProtocolRequest.self, request, example: #"{"enabled": false}"#)
    return APIResponse(200, try host.setProtocol(path[4], in: vnet(path[2]), enabled: body.enabled))
  }

  private func vnet(_ text: String) throws(ControlError) -> UInt32 {
    guard let number = UInt32(text) else { throw ControlError(.badRequest, "vnet: expected a number, found '\(text)'") }
    return number
  }
}
