/// A function whose code is known, and what must be found in it.
struct Control {
  let function: String
  let kind: Finding.Kind?

  /// See `CodegenControl`.
  static let all = [
    Control(function: "control_plain", kind: nil),
    Control(function: "control_retain", kind: .referenceCounting),
    Control(function: "control_allocate", kind: .allocation),
    Control(function: "control_exclusive", kind: .exclusivityCheck),
    Control(function: "control_once", kind: .lazyInitialisation),
    Control(function: "control_lock", kind: .lockedInstruction),
    Control(function: "control_library", kind: .libraryCall),
    Control(function: "control_deep", kind: .referenceCounting),
    Control(function: "control_indirect", kind: .indirectCall),
  ]

  /// What is wrong with the check itself: expected and not found, or found and not there.
  func complaint(_ listing: Listing) throws -> String? {
    let kinds = try Walk(listing, Rules(roots: [function])).findings.map(\.kind)
    guard let kind else {
      return kinds.isEmpty
        ? nil : "\(function): expected nothing, found \(kinds.map(\.rawValue).joined(separator: ", "))"
    }
    return kinds.contains(kind)
      ? nil : "\(function): expected \(kind.rawValue), found \(kinds.map(\.rawValue).joined(separator: ", "))"
  }
}
