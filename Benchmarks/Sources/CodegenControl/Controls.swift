import Glibc
import Synchronization

// Small functions whose machine code is known to hold one thing each that must not be on a packet's way, and one that
// holds none. The check looks at them each time before it looks at the engine: a rule that no longer finds anything
// fails there.

/// An object, so that there is something to count references to.
public final class Box {
  var value = 0
  var next: Box?

  @inline(never)
  init() {}
}

nonisolated(unsafe) private var kept: Box?
private let counter = Atomic<UInt64>(0)
private let lazy = (0..<10).map { Int(getpid()) &+ $0 }

/// Keeps the functions in the program.
nonisolated(unsafe) public let controls: [UnsafeRawPointer] = unsafe [
  unsafeBitCast(control_plain as @convention(c) (Int, Int) -> Int, to: UnsafeRawPointer.self),
  unsafeBitCast(control_retain as @convention(c) (UnsafeRawPointer) -> Void, to: UnsafeRawPointer.self),
  unsafeBitCast(control_allocate as @convention(c) () -> Void, to: UnsafeRawPointer.self),
  unsafeBitCast(control_exclusive as @convention(c) (UnsafeRawPointer) -> Void, to: UnsafeRawPointer.self),
  unsafeBitCast(control_once as @convention(c) () -> Int, to: UnsafeRawPointer.self),
  unsafeBitCast(control_lock as @convention(c) () -> Void, to: UnsafeRawPointer.self),
  unsafeBitCast(control_library as @convention(c) () -> Int32, to: UnsafeRawPointer.self),
  unsafeBitCast(control_deep as @convention(c) (UnsafeRawPointer) -> Void, to: UnsafeRawPointer.self),
  unsafeBitCast(
    control_indirect as @convention(c) (@convention(c) () -> Void) -> Int, to: UnsafeRawPointer.self),
]

/// Nothing at all.
@c public func control_plain(_ a: Int, _ b: Int) -> Int { a &* 31 &+ b }

/// Reference counting.
@c public func control_retain(_ object: UnsafeRawPointer) {
  unsafe kept = Unmanaged<Box>.fromOpaque(object).takeUnretainedValue()
}

/// Allocation.
@c public func control_allocate() { unsafe kept = Box() }

/// An exclusivity check: somebody else's code runs during the access.
@c public func control_exclusive(_ object: UnsafeRawPointer) {
  let box = unsafe Unmanaged<Box>.fromOpaque(object)
  unsafe box._withUnsafeGuaranteedRef { box in replace(&box.value) }
}

@inline(never)
private func replace(_ value: inout Int) { value = Int(getpid()) }

/// A global variable that is made when it is first used.
@c public func control_once() -> Int { lazy[0] }

/// A locked instruction.
@c public func control_lock() { counter.wrappingAdd(1, ordering: .relaxed) }

/// A call of the C library.
@c public func control_library() -> Int32 { getpid() &+ 1 }

/// Something forbidden in a function that a function calls.
@c public func control_deep(_ object: UnsafeRawPointer) {
  if unsafe object.load(as: UInt8.self) != 0 { unsafe deeper(object) }
}

@inline(never)
private func deeper(_ object: UnsafeRawPointer) {
  unsafe control_retain(object)
  counter.store(1, ordering: .relaxed)
}

/// A call of a function that is known only when it runs.
@c public func control_indirect(_ function: @convention(c) () -> Void) -> Int {
  function()
  return 1
}
