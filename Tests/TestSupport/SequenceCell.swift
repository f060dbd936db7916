import CNetISR
import NetISR
import Synchronization

/// Where a handler checks the numbers of one stream of packets (one source, one flow, or one wish for a CPU) that
/// have to come one after another.
///
/// A packet leads to its cell (`ph_loc[1]`) and carries its number in the stream (`ph_loc[0]`), so that handlers of any
/// kind can check it: closures by `handle`, plugins in C by `CPlugin.sequenceChecker`. A stream that passes through two
/// protocols has a second cell.
///
/// Exchanges, and no lock: that one handler at a time runs for a stream is what is to be shown, and a violation must
/// be counted rather than be undefined. They are relaxed, so that they order nothing by themselves.
public struct SequenceCell: @unchecked Sendable {
  /// The words of a cell, as `struct cell` in C has them.
  private enum Word: Int {
    case last, handled, late, overlaps, gaps, busy, dropped
    // Fixed while packets flow.
    case done, next, source, proto, flow, group
    /// Written without any care by a plugin under the thread sanitizer, which then says whether handlers of
    /// one group happen one after another also for the memory.
    case witness
  }

  /// One cell's size: whole cache lines of its own.
  static let words = 16
  /// No flow id, nor one that the protocol could find out.
  static let noFlow = UInt64.max

  private let base: UnsafeMutablePointer<Atomic<UInt64>>

  private init(base: UnsafeMutablePointer<Atomic<UInt64>>) { self.base = base }

  /// The cell that a packet leads to; nil for packets without one.
  public init?(of m: UnsafeMutablePointer<mbuf>) {
    guard let base = UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: UInt(m.pointee.m_pkthdr.ph_loc.1))
    else { return nil }
    self.base = base
  }

  /// A cell in memory that its owner keeps. Streams of one `group` have a cell in common that says whether a handler runs for
  /// one of them: for those which may not run at once either.
  init(
    at base: UnsafeMutablePointer<Atomic<UInt64>>, proto: UInt32, source: UInt64, flow: UInt64,
    done: UnsafeMutablePointer<Atomic<UInt64>>, next: SequenceCell?, group: UnsafeMutablePointer<Atomic<UInt64>>? = nil
  ) {
    self.base = base
    write(.group, UInt64(UInt(bitPattern: group ?? base)))
    write(.proto, UInt64(proto))
    write(.source, source)
    write(.flow, flow)
    write(.done, UInt64(UInt(bitPattern: done)))
    write(.next, UInt64(UInt(bitPattern: next?.base)))
  }

  // MARK: Packets

  /// Makes a packet the stream's number `number`.
  func label(_ m: UnsafeMutablePointer<mbuf>, _ number: UInt64) {
    m.pointee.m_pkthdr.ph_loc.0 = number
    m.pointee.m_pkthdr.ph_loc.1 = UInt64(UInt(bitPattern: base))
  }

  /// Checks a packet as its handler, and frees it.
  public func handle(_ m: UnsafeMutablePointer<mbuf>) {
    let group = SequenceCell(base: UnsafeMutablePointer(bitPattern: UInt(read(.group)))!)
    if group.exchange(.busy, 1) != 0 { add(.overlaps) }
    let number = m.pointee.m_pkthdr.ph_loc.0
    let last = exchange(.last, number)
    if number <= last { add(.late) } else { add(.gaps, number - last - 1) }
    add(.handled)
    m_freem(m)
    _ = group.exchange(.busy, 0)
    finish()
  }

  /// Counts a packet that the engine dropped.
  func drop() {
    add(.dropped)
    finish()
  }

  private func finish() {
    UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: UInt(read(.done)))!.pointee.wrappingAdd(1, ordering: .releasing)
  }

  /// The flow id that the stream's packets are to have, if any: what an nh_m2flow finds.
  public var flow: UInt32? { read(.flow) == Self.noFlow ? nil : UInt32(read(.flow)) }

  // MARK: Figures

  /// Packets handled.
  public var handled: UInt64 { read(.handled) }
  /// Packets that came late or twice.
  public var late: UInt64 { read(.late) }
  /// Packets whose handler began before that of another one of the group had ended.
  public var overlaps: UInt64 { read(.overlaps) }
  /// Numbers that were left out.
  public var gaps: UInt64 { read(.gaps) }
  /// The last packet's number.
  public var last: UInt64 { read(.last) }
  /// Packets that the engine dropped.
  public var dropped: UInt64 { read(.dropped) }

  private func read(_ word: Word) -> UInt64 { base[word.rawValue].load(ordering: .relaxed) }
  private func write(_ word: Word, _ value: UInt64) { base[word.rawValue].store(value, ordering: .relaxed) }
  private func exchange(_ word: Word, _ value: UInt64) -> UInt64 {
    base[word.rawValue].exchange(value, ordering: .relaxed)
  }
  private func add(_ word: Word, _ n: UInt64 = 1) { base[word.rawValue].wrappingAdd(n, ordering: .relaxed) }
}

extension CPlugin {
  /// A plugin that checks the numbers of streams, as `SequenceCell.handle` does, and hands those packets on whose stream
  /// goes through a second protocol. Builds differ by their number (a counter "<name>.build<build>").
  public static func sequenceChecker(name: String, proto: UInt32, policy: Policy, build: Int) -> String {
    """
    #include <CNetISR.h>
    #include <sched.h>
    NETISR_PLUGIN("\(name)", \(proto), 1, \(build));
    struct cell {
      uint64_t last, handled, late, overlaps, gaps, busy, dropped;
      uint64_t *done;
      struct cell *next;
      uint64_t source, proto, flow;
      struct cell *group;
      uint64_t witness, spare[2];
    };
    _Static_assert(sizeof(struct cell) == \(SequenceCell.words * 8), "as the test has it");
    static counter_t mine;
    static void add(uint64_t *word, uint64_t n) { __atomic_fetch_add(word, n, __ATOMIC_RELAXED); }
    static void input(struct mbuf *m)
    {
      struct cell *c = (struct cell *)(uintptr_t)m->m_pkthdr.ph_loc[1];
      struct cell *next = c->next, *group = c->group;
      uint64_t *done = c->done;
      counter_add(mine, 1);
      if (__atomic_exchange_n(&group->busy, 1, __ATOMIC_RELAXED) != 0)
        add(&c->overlaps, 1);
    #if __has_feature(thread_sanitizer)
      group->witness++;
    #endif
      uint64_t number = m->m_pkthdr.ph_loc[0];
      uint64_t last = __atomic_exchange_n(&c->last, number, __ATOMIC_RELAXED);
      if (number <= last)
        add(&c->late, 1);
      else
        add(&c->gaps, number - last - 1);
      add(&c->handled, 1);
      /* Now and then somebody else runs while this thread is inside. */
      if (number % 64 == 0)
        sched_yield();
      if (next != NULL) {
        m->m_pkthdr.ph_loc[1] = (uintptr_t)next;
        netisr_dispatch_src(next->proto, next->source, m);
      } else
        m_freem(m);
      __atomic_store_n(&group->busy, 0, __ATOMIC_RELAXED);
      if (next == NULL)
        __atomic_fetch_add(done, 1, __ATOMIC_RELEASE);
    }
    __attribute__((unused)) static struct mbuf *m2flow(struct mbuf *m, uintptr_t source)
    {
      struct cell *c = (struct cell *)(uintptr_t)m->m_pkthdr.ph_loc[1];
      (void)source;
      if (c->flow != UINT64_MAX) {
        m->m_pkthdr.flowid = c->flow;
        m->m_pkthdr.rsstype = M_HASHTYPE_OPAQUE;
      }
      return (m);
    }
    __attribute__((unused)) static struct mbuf *m2cpuid(struct mbuf *m, uintptr_t source, unsigned int *cpuid)
    {
      (void)source;
      *cpuid = ((struct cell *)(uintptr_t)m->m_pkthdr.ph_loc[1])->flow;
      return (m);
    }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      nhp->nh_name = "\(name)";
      nhp->nh_handler = input;
      nhp->nh_proto = \(proto);
      nhp->nh_policy = \(policy.rawValue);
      \(policy == .flow ? "nhp->nh_m2flow = m2flow;" : "")
      \(policy == .cpu ? "nhp->nh_m2cpuid = m2cpuid;" : "")
      return (counter_define("\(name).build\(build)", &mine));
    }
    """
  }
}
