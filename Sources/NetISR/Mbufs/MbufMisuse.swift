import CNetISR
import CNetISRHost

/// What checks of mbufs find. (net.isr.mbufdebug)
public enum MbufMisuse: Int32, Sendable {
  /// Freed, and it was free already.
  case doubleFree = 1
  /// Freed, and no mbuf of the host: a static variable, an address in the middle, a wild one.
  case foreignFree = 2
  /// Written to after it was freed.
  case lateWrite = 3
  /// Handed on after it was freed.
  case lateUse = 4
}

extension MbufCache {
  /// Frees one mbuf, and its part in its storage, if it is one; the rest of its chain.
  ///
  /// What is wrong is told before anything is changed. If a plugin has called a function of mbuf.h with it, that call
  /// ends there, as after a fault.
  func freeChecked(_ m: UnsafeMutablePointer<mbuf>) -> UnsafeMutablePointer<mbuf>? {
    if let wrong = unsafe findMisuse(m) {
      // Does not return when a plugin did it: nothing of this frame needs to be given back.
      netisr_host_raise_misuse(wrong.misuse.rawValue, UInt(bitPattern: m), wrong.mark)
      unsafe mbufContext().withEngine { $0.note(wrong.misuse, at: UInt(bitPattern: m), lastBy: wrong.mark) }
      return nil
    }
    let rest = unsafe m.pointee.m_next
    let holder = unsafe m.pointee.m_ispare
    unsafe m.pointee.m_type = Self.freedType
    if unsafe m.pointee.m_flags & M_EXT != 0, unsafe m.cluster.pointee.drop() {
      unsafe clusters.giveSlowly(UnsafeMutableRawPointer(m.cluster), from: holder)
    }
    unsafe mbufs.giveSlowly(UnsafeMutableRawPointer(m), from: holder)
    return unsafe rest
  }

  /// Why this can't be freed, and who had it last.
  @inline(never)
  private func findMisuse(_ m: UnsafeMutablePointer<mbuf>) -> (misuse: MbufMisuse, mark: UInt32)? {
    unsafe mbufContext().withEngine { unsafe $0.mbufs.misuse(of: m) }
  }
}

extension MbufPool {
  /// Whether frees are checked.
  var isChecked: Bool { mbufs.isChecked }

  /// Why an address can't be freed, and who had it last; nil when it is an mbuf in use.
  func misuse(of m: UnsafeMutablePointer<mbuf>) -> (misuse: MbufMisuse, mark: UInt32)? {
    guard unsafe mbufs.contains(m) else { return (.foreignFree, 0) }
    // By whose code it was freed is more than who had it.
    if let kept = unsafe mbufs.freed.find(m) {
      return (.doubleFree, kept.freedBy != 0 ? kept.freedBy : kept.holder)
    }
    return unsafe m.pointee.m_type == MbufCache.freedType ? (.doubleFree, m.pointee.m_ispare) : nil
  }
}

extension Engine {
  /// Whether mbufs are checked (net.isr.mbufdebug): freed ones are filled, kept from use for a while and looked at
  /// before they are used again; what is freed must be an mbuf in use, and so must what is handed on. Off, it costs
  /// nothing. [control]
  public var checksMbufs: Bool {
    get { mbufs.isChecked }
    set {
      control.withLock {
        guard newValue != mbufs.isChecked else { return }
        withAttachedThread {
          // Packets are looked at on the long way.
          if newValue { vnets.inspectsAll = true }
          for zone in [mbufs.clusters, mbufs.mbufs] { zone.check(newValue) }
          unsafe threads.forEachLocked { record in
            unsafe record.pointee.mbufs.mbufs.follow()
            unsafe record.pointee.mbufs.clusters.follow()
          }
          if !newValue { vnets.inspectsAll = false }
        }
        refreshShortcuts()
      }
    }
  }

  /// Tells a misuse that was found outside of a plugin's own call of mbuf.h. A plugin that has handed the mbuf to the host
  /// just now is taken out of service.
  ///
  /// - Parameter mark: who had it last, or 0.
  func note(_ misuse: MbufMisuse, at address: UInt, lastBy mark: UInt32) {
    // Who finds a late write has nothing to do with it.
    let culprit = misuse == .lateWrite ? 0 : netisr_host_mark()
    let number = culprit == 0 ? nil : quarantine(MbufHolder(mark: culprit))
    var fault = unsafe netisr_host_fault()
    unsafe netisr_host_describe_misuse(&fault, misuse.rawValue, address, mark)
    unsafe onMisuse?(Fault(fault), culprit == 0 ? nil : MbufHolder(mark: culprit), number ?? 0)
  }

  /// Takes what a holder of mbufs serves out of service: its number. [any thread]
  private func quarantine(_ holder: MbufHolder) -> Int? {
    guard let context = unsafe ThreadContext.current else { return nil }
    unsafe context.enterSection()
    defer { unsafe context.leaveSection() }
    for number in 1..<Protocols.count {
      guard let record = unsafe protocols.entrance(number) ?? protocols.service(number),
        unsafe record.pointee.mark == holder.mark
      else { continue }
      unsafe quarantine(number, record)
      return number
    }
    return nil
  }
}
