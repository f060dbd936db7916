import Testing

/// What a JSON value must have at least.
indirect enum Shape: Sendable {
  case string, number, bool
  case array(Shape)
  /// These keys; more are allowed.
  case object([String: Shape])
  /// Any keys, with values of one shape.
  case map(Shape)
}

/// Expects that `value` has every key of the contract, with values of the right kind.
func expectShape(_ value: Any, _ object: [String: Shape], sourceLocation: SourceLocation = #_sourceLocation) throws {
  let problems = mismatches(value, .object(object), at: "")
  #expect(problems.isEmpty, "\(problems)", sourceLocation: sourceLocation)
}

private func mismatches(_ value: Any?, _ shape: Shape, at path: String) -> [String] {
  guard let value else { return ["\(path) is missing"] }
  switch shape {
  case .string: return value is String ? [] : ["\(path) is no string"]
  case .number: return value is Int || value is Double ? [] : ["\(path) is no number"]
  case .bool: return value is Bool ? [] : ["\(path) is no boolean"]
  case .array(let element):
    guard let array = value as? [Any] else { return ["\(path) is no array"] }
    return array.enumerated().flatMap { mismatches($0.element, element, at: "\(path)[\($0.offset)]") }
  case .object(let keys):
    guard let object = value as? [String: Any] else { return ["\(path) is no object"] }
    return keys.flatMap { mismatches(object[$0.key], $0.value, at: "\(path).\($0.key)") }
  case .map(let element):
    guard let object = value as? [String: Any] else { return ["\(path) is no object"] }
    return object.flatMap { mismatches($0.value, element, at: "\(path).\($0.key)") }
  }
}

/// The keys that `replay --json` and `stat --json` share. Made anew each time: the leak sanitizer does not see what an
/// indirect case in a global points to.
var statisticsShape: [String: Shape] {
  [
    "plugins": .array(
      .object([
        "name": .string, "file": .string, "generation": .number, "state": .string, "build_id": .string,
        "sha256": .string,
      ])),
    "protocols": .array(
      .object([
        "name": .string, "proto": .number, "qlimit": .number, "policy": .string, "dispatch": .string, "flags": .string,
      ])),
    "workstreams": .array(
      .object([
        "wsid": .number, "cpu": .number,
        "work": .array(
          .object([
            "name": .string, "len": .number, "watermark": .number, "dispatched": .number, "hybrid_dispatched": .number,
            "qdrops": .number, "queued": .number, "handled": .number,
          ])),
      ])),
    "counters": .map(.map(.number)),
    "conservation": .object([
      "received": .number, "handled": .number, "dropped": .map(.number), "queued": .number, "balanced": .bool,
    ]),
  ]
}
