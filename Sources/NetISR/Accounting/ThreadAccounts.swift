import Synchronization

/// A thread's accounts, one for each protocol that it handled while accounting was on.
///
/// An account is made when it is first needed, and kept as long as the thread's record.
@safe
struct ThreadAccounts: ~Copyable {
  // Addresses as integers: the compiler's thread sanitizer pass has no atomics over pointers.
  private let accounts: UnsafeMutablePointer<Atomic<UInt>>

  init() {
    unsafe accounts = .allocate(capacity: Protocols.count)
    for number in 0..<Protocols.count { unsafe (accounts + number).initialize(to: Atomic(0)) }
  }

  deinit {
    for number in 0..<Protocols.count {
      guard let account = unsafe existing(number) else { continue }
      unsafe account.deinitialize(count: 1)
      unsafe free_aligned(account)
    }
    unsafe accounts.deallocate()
  }

  /// The account of a protocol for that session; by the owning thread.
  @inline(__always)
  func account(_ number: Int, session: UInt16) -> UnsafeMutablePointer<Account> {
    let account = unsafe existing(number) ?? make(number)
    unsafe account.pointee.enter(session: session)
    return unsafe account
  }

  /// The account of a protocol, if there is one. [any thread]
  @inline(__always)
  func existing(_ number: Int) -> UnsafeMutablePointer<Account>? {
    // Acquire: pairs with the release in `make`.
    unsafe UnsafeMutablePointer(bitPattern: accounts[number].load(ordering: .acquiring))
  }

  @inline(never)
  private func make(_ number: Int) -> UnsafeMutablePointer<Account> {
    let account = unsafe allocate_aligned(Account.self)
    unsafe account.initialize(to: Account())
    unsafe accounts[number].store(UInt(bitPattern: account), ordering: .releasing)
    return unsafe account
  }
}
