// Multicast groups.

extension Router {
  func joinGroup(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    let body = try decode(GroupRequest.self, request, example: #"{"group": "239.1.2.3"}"#)
    return APIResponse(201, try host.join(body.group, on: name))
  }

  func leaveGroup(_ group: String, on name: String) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.leave(group, on: name))
  }
}
