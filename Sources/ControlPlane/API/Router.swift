// The API's resources:
//
//     GET    /v1/plugins                 every generation, and every refused file
//     POST   /v1/plugins                 {"file": "/path/x.so"}: load
//     GET    /v1/plugins/NAME            the generation that serves
//     DELETE /v1/plugins/NAME            unload
//     POST   /v1/plugins/NAME/reload     swap for what the file has now
//     GET    /v1/interfaces              every interface
//     POST   /v1/interfaces              {"spec": "packet:eth0"}: make one
//     GET    /v1/interfaces/NAME         one
//     DELETE /v1/interfaces/NAME         take it away
//     POST   /v1/interfaces/NAME/groups          {"group": "239.1.2.3"}: join a group
//     DELETE /v1/interfaces/NAME/groups/GROUP    leave it
//     GET    /v1/stat                    statistics
//     GET    /v1/faults                  faults of plugins
//     GET    /v1/faults/NUMBER           one of them
//     GET    /v1/tables                  all tables
//     GET    /v1/tables/NAME?vnet=&limit=   its entries in a vnet (0), at most so many (10000)
//     GET    /v1/routes?vnet=            the routes of a vnet (0)
//     POST   /v1/routes                  {"action": "add", "prefix": "10.0.0.0/8", "vnet": 0, ..}: make, change, delete one
//     GET    /v1/routes/lookup?address=&vnet=   where packets to an address go
//     GET    /v1/routes/changes?after=&vnet=    the changes behind a number; without one, the last number
//     GET    /v1/vnets                   the vnets
//     POST   /v1/vnets                   {"vnet": 1}: make one
//     DELETE /v1/vnets/NUMBER            take one without interfaces away
//     PUT    /v1/vnets/NUMBER/protocols/NAME   {"enabled": false}
//     GET    /v1/settings                all settings
//     GET    /v1/settings/NAME           one setting
//     PUT    /v1/settings/NAME           {"value": ".."}: change it

/// From requests to a host's operations. Blocks as long as the operation takes.
///
/// [any thread]
struct Router: Sendable {
  let host: Host

  /// Does what is asked.
  func respond(to request: APIRequest) -> APIResponse {
    let parts = request.parts
    guard parts.first == "v1" else { return unknown(request) }
    do throws(ControlError) {
      return switch (parts.count, parts.dropFirst().first) {
      case (2, "stat"): try one(request, ["GET": stat])
      case (2, "plugins"): try one(request, ["GET": list, "POST": load])
      case (3, "plugins"): try one(request, parts[2], ["GET": show, "DELETE": unload])
      case (4, "plugins") where parts[3] == "reload": try one(request, parts[2], ["POST": reload])
      case (2, "faults"): try one(request, ["GET": faults])
      case (3, "faults"): try one(request, parts[2], ["GET": fault])
      case (2, "interfaces"): try one(request, ["GET": interfaces, "POST": addInterface])
      case (3, "interfaces"): try one(request, parts[2], ["GET": interface, "DELETE": removeInterface])
      case (4, "interfaces") where parts[3] == "groups": try one(request, parts[2], ["POST": joinGroup])
      case (5, "interfaces") where parts[3] == "groups":
        try one(request, ["DELETE": { _ throws(ControlError) in try leaveGroup(parts[4], on: parts[2]) }])
      case (2, "tables"): try one(request, ["GET": tables])
      case (3, "tables"): try one(request, parts[2], ["GET": table])
      case (2, "routes"): try one(request, ["GET": routes, "POST": changeRoute])
      case (3, "routes") where parts[2] == "lookup": try one(request, ["GET": lookUpRoute])
      case (3, "routes") where parts[2] == "changes": try one(request, ["GET": routeChanges])
      case (2, "vnets"): try one(request, ["GET": vnets, "POST": createVnet])
      case (3, "vnets"): try one(request, parts[2], ["DELETE": deleteVnet])
      case (5, "vnets") where parts[3] == "protocols":
        try one(request, ["PUT": { request throws(ControlError) in try setVnetProtocol(request, parts) }])
      case (2, "settings"): try one(request, ["GET": settings])
      case (3, "settings"): try one(request, parts[2], ["GET": setting, "PUT": set])
      default: unknown(request)
      }
    } catch {
      return APIResponse(error)
    }
  }

  private typealias Operation = (APIRequest) throws(ControlError) -> APIResponse
  private typealias NamedOperation = (APIRequest, String) throws(ControlError) -> APIResponse

  private func one(_ request: APIRequest, _ operations: [String: Operation]) throws(ControlError) -> APIResponse {
    guard let operation = operations[request.method == "HEAD" ? "GET" : request.method] else {
      return notAllowed(request, operations.keys.sorted())
    }
    return try operation(request)
  }

  private func one(
    _ request: APIRequest, _ name: String, _ operations: [String: NamedOperation]
  ) throws(ControlError) -> APIResponse {
    guard let operation = operations[request.method == "HEAD" ? "GET" : request.method] else {
      return notAllowed(request, operations.keys.sorted())
    }
    return try operation(request, name)
  }

  // MARK: Operations

  private func stat(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, host.statistics())
  }

  private func list(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, host.pluginList())
  }

  private func load(_ request: APIRequest) throws(ControlError) -> APIResponse {
    let file = try decode(LoadRequest.self, request, example: #"{"file": "/path/x.so"}"#).file
    guard file.hasPrefix("/") else {
      throw ControlError(.badRequest, "file: expected an absolute path, found '\(file)'")
    }
    return APIResponse(201, try host.load(file))
  }

  private func show(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    guard let plugin = host.pluginList().plugins.first(where: { $0.name == name && $0.state == "serving" }) else {
      throw ControlError(.notFound, "no plugin '\(name)' is loaded")
    }
    return APIResponse(200, plugin)
  }

  private func unload(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.unload(name))
  }

  private func reload(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.reload(name))
  }

  private func faults(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, host.faultList())
  }

  private func fault(_ request: APIRequest, _ number: String) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.fault(number))
  }

  private func interfaces(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, InterfaceList(interfaces: host.interfaceSummaries()))
  }

  private func interface(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    let found = host.interfaceSummaries().filter { $0.name == name }
    guard !found.isEmpty else { throw ControlError(.notFound, "no interface '\(name)'") }
    return APIResponse(200, InterfaceList(interfaces: found))
  }

  private func addInterface(_ request: APIRequest) throws(ControlError) -> APIResponse {
    let spec = try decode(InterfaceRequest.self, request, example: #"{"spec": "packet:eth0"}"#).spec
    return APIResponse(201, try host.start(InterfaceArgument(parsing: spec), isPatient: false))
  }

  private func removeInterface(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.removeInterface(name))
  }

  private func tables(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, host.tables())
  }

  private func table(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    let vnet = try number("vnet", of: request, default: 0, in: 0...Int(UInt32.max))
    let limit = try number("limit", of: request, default: 10_000, in: 0...Int.max)
    return APIResponse(200, try host.table(named: name, vnet: UInt32(vnet), limit: limit))
  }

  private func settings(_ request: APIRequest) throws(ControlError) -> APIResponse {
    APIResponse(200, host.settings())
  }

  private func setting(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    APIResponse(200, try host.setting(named: name))
  }

  private func set(_ request: APIRequest, _ name: String) throws(ControlError) -> APIResponse {
    let value = try decode(SettingRequest.self, request, example: #"{"value": "deferred"}"#).value
    return APIResponse(200, try host.set(name, to: value))
  }

  func number(
    _ name: String, of request: APIRequest, default: Int, in range: ClosedRange<Int>
  ) throws(ControlError) -> Int {
    guard let text = request.query[name] else { return `default` }
    guard let number = Int(text), range.contains(number) else {
      throw ControlError(.badRequest, "\(name): expected a number, found '\(text)'")
    }
    return number
  }

  // MARK: Errors

  func decode<Body: Decodable>(
    _ type: Body.Type, _ request: APIRequest, example: String
  ) throws(ControlError) -> Body {
    guard let body = try? JSON.decode(type, from: request.body) else {
      throw ControlError(.badRequest, "body: expected \(example)")
    }
    return body
  }

  private func unknown(_ request: APIRequest) -> APIResponse {
    APIResponse(
      ControlError(
        .notFound,
        "\(request.path): expected /v1/plugins, /v1/interfaces, /v1/stat, /v1/faults, /v1/tables, /v1/routes, /v1/vnets, /v1/settings, or what is below"
      ))
  }

  private func notAllowed(_ request: APIRequest, _ allowed: [String]) -> APIResponse {
    let list = allowed.joined(separator: ", ")
    var response = APIResponse(
      405, ErrorBody(error: "\(request.path): expected \(list), found \(request.method)", problems: []))
    response.allow = allowed
    return response
  }
}
