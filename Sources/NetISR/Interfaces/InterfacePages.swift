import CNetISR
import Synchronization

/// Interfaces by index, read by handlers without a lock: for each index the address of what can be found by it, and the next
/// index that is in use.
///
/// Indices are never used again, and a host may make interfaces for years: so the table grows by pages, and what looks
/// at all interfaces follows a list of those that there are. Who withdraws one leads the list around it; a reader that
/// stands on it begins again.
///
/// | what | exclusion |
/// |---|---|
/// | append, publish, remove | the registry's lock |
/// | interface, next | none |
///
/// Safe: a page, once there, stays until deinit; an address in it is an `ifnet` that lives as long as the registry.
@safe
final class InterfacePages: @unchecked Sendable {
  private static let pageSize = 4096
  private static let pageCount = 4096
  /// Indices are 1 to this.
  static let capacity = pageSize * pageCount
  /// In `next`, of an index that is in the list no more.
  private static let gone = UInt32.max

  private struct Place: ~Copyable {
    /// 0: nobody finds it.
    let address = Atomic<UInt>(0)
    let next = Atomic<UInt32>(0)
    /// Under the lock.
    var previous: UInt32 = 0
  }

  /// Addresses of pages; 0: not needed yet.
  private let pages: UnsafeMutablePointer<Atomic<UInt>>
  private let first = Atomic<UInt32>(0)
  // Under the lock.
  private var last: UInt32 = 0

  init() {
    unsafe pages = .allocate(capacity: Self.pageCount)
    for page in 0..<Self.pageCount { unsafe (pages + page).initialize(to: Atomic(0)) }
  }

  deinit {
    for number in 0..<Self.pageCount {
      guard let page = unsafe page(number) else { break }
      unsafe page.deinitialize(count: Self.pageSize)
      unsafe page.deallocate()
    }
    unsafe pages.deallocate()
  }

  @inline(__always)
  private func page(_ number: Int) -> UnsafeMutablePointer<Place>? {
    // Acquire: pairs with the release in `append`.
    unsafe UnsafeMutablePointer(bitPattern: pages[number].load(ordering: .acquiring))
  }

  /// The place of an index that was given.
  @inline(__always)
  private func place(_ index: UInt32) -> UnsafeMutablePointer<Place>? {
    let place = Int(index) - 1
    guard place >= 0, place < Self.capacity, let page = unsafe page(place / Self.pageSize) else { return nil }
    return unsafe page + place % Self.pageSize
  }

  /// Enters the next index, which is found from now on if there is something to find.
  func append(_ index: UInt32, _ ifp: UnsafeMutablePointer<ifnet>?) {
    let number = (Int(index) - 1) / Self.pageSize
    if unsafe page(number) == nil {
      let page = UnsafeMutablePointer<Place>.allocate(capacity: Self.pageSize)
      for place in 0..<Self.pageSize { unsafe (page + place).initialize(to: Place()) }
      // Release: pairs with the acquire in `page`.
      unsafe pages[number].store(UInt(bitPattern: page), ordering: .releasing)
    }
    guard let place = unsafe place(index) else { return }
    unsafe place.pointee.previous = last
    if let ifp = unsafe ifp { unsafe publish(index, ifp) }
    link(last, to: index)
    last = index
  }

  /// Has an index found.
  func publish(_ index: UInt32, _ ifp: UnsafeMutablePointer<ifnet>) {
    // Release: pairs with the acquire in `interface`.
    unsafe place(index)?.pointee.address.store(UInt(bitPattern: ifp), ordering: .releasing)
  }

  /// Takes an index away: whether it was there.
  func remove(_ index: UInt32) -> Bool {
    guard let place = unsafe place(index) else { return false }
    let next = unsafe place.pointee.next.load(ordering: .relaxed)
    guard next != Self.gone else { return false }
    unsafe place.pointee.address.store(0, ordering: .relaxed)
    let previous = unsafe place.pointee.previous
    link(previous, to: next)
    if next == 0 { last = previous } else { unsafe self.place(next)?.pointee.previous = previous }
    // Release: pairs with the acquire in `follow`, which then sees the list without it.
    unsafe place.pointee.next.store(Self.gone, ordering: .releasing)
    return true
  }

  /// 0 is the beginning, or the end.
  private func link(_ previous: UInt32, to next: UInt32) {
    // Release: pairs with the acquires in `follow`.
    if let place = unsafe place(previous) {
      unsafe place.pointee.next.store(next, ordering: .releasing)
    } else {
      first.store(next, ordering: .releasing)
    }
  }

  /// What is found by an index.
  @inline(__always)
  func interface(_ index: UInt32) -> UnsafeMutablePointer<ifnet>? {
    guard let place = unsafe place(index) else { return nil }
    // Acquire: pairs with the release in `publish`.
    return unsafe UnsafeMutablePointer(bitPattern: place.pointee.address.load(ordering: .acquiring))
  }

  /// What is found by the first higher index by which anything is.
  func next(after index: UInt32) -> UnsafeMutablePointer<ifnet>? {
    var candidate = follow(index)
    while candidate != 0 {
      if candidate > index, let ifp = unsafe interface(candidate) { return unsafe ifp }
      candidate = follow(candidate)
    }
    return nil
  }

  /// The index behind one in the list; behind one that is not in it, the first.
  private func follow(_ index: UInt32) -> UInt32 {
    if let place = unsafe place(index) {
      let next = unsafe place.pointee.next.load(ordering: .acquiring)
      // One that was never given has no next one either: those of an engine are given in order.
      if next != Self.gone { return next }
    }
    return first.load(ordering: .acquiring)
  }
}
