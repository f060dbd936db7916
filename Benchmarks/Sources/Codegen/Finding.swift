/// Something that must not be in the code of a packet's way.
struct Finding {
  /// What it is.
  enum Kind: String {
    case referenceCounting = "reference counting"
    case allocation
    case exclusivityCheck = "exclusivity check"
    case lazyInitialisation = "lazy initialisation"
    case lockedInstruction = "locked instruction"
    case indirectCall = "indirect call"
    case libraryCall = "call of a library"

    /// What a call of a library's function is.
    init(callOf name: String) {
      let kinds: [(Kind, [String])] = [
        (.referenceCounting, ["swift_retain", "swift_release", "swift_bridgeObject", "swift_unowned", "swift_weak"]),
        (
          .allocation,
          [
            "swift_alloc", "swift_slowAlloc", "swift_dealloc", "swift_slowDealloc", "malloc", "calloc", "free",
            "realloc",
            "posix_memalign", "aligned_alloc", "swift_initStackObject",
          ]
        ),
        (.exclusivityCheck, ["swift_beginAccess", "swift_endAccess"]),
        (.lazyInitialisation, ["swift_once"]),
      ]
      self = kinds.first { $0.1.contains { name.hasPrefix($0) } }?.0 ?? .libraryCall
    }
  }

  let kind: Kind
  /// The function that holds it, in Swift's words, and how it was reached.
  let function: String
  let path: [String]
  let instruction: Instruction
}
