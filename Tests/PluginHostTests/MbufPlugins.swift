import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport

/// A plugin of protocol 12: counts each packet, then does what `cases` says of its first byte, and frees it otherwise.
func mbufPlugin(_ name: String, cases: String, extra: String = "", registration: String = "", build: Int = 1) -> String
{
  """
  #include <CNetISR.h>
  #include <string.h>
  NETISR_PLUGIN("\(name)", 12, 1, \(build));
  static counter_t mine;
  \(extra)
  static void input(struct mbuf *m)
  {
    counter_add(mine, 1);
    switch (*(char *)m->m_data) {
    \(cases)
    default: break;
    }
    m_freem(m);
  }
  int netisr_plugin_register(struct netisr_handler *nhp)
  {
    int error = counter_define("\(name).handled", &mine);
    if (error != 0)
      return (error);
    \(registration)
    nhp->nh_name = "\(name)";
    nhp->nh_handler = input;
    nhp->nh_proto = 12;
    nhp->nh_policy = NETISR_POLICY_SOURCE;
    return (0);
  }
  """
}

/// A packet of 16 equal bytes, in so many mbufs.
func filledPacket(_ first: Character, parts: Int = 1) -> UnsafeMutablePointer<mbuf> {
  let head = m_gethdr(M_NOWAIT, MT_DATA)!
  var last = head
  for _ in 1..<parts {
    last.pointee.m_next = m_get(M_NOWAIT, MT_DATA)!
    last = last.pointee.m_next
  }
  memset(head.pointee.m_data, Int32(first.asciiValue!), 16)
  head.pointee.m_len = 16
  head.pointee.m_pkthdr.len = 16
  return head
}

/// What a host tells of faults.
final class ReportBook: @unchecked Sendable {
  private let lock = NSLock()
  private var all: [FaultReport] = []

  func add(_ report: FaultReport) { lock.withLock { all.append(report) } }
  var reports: [FaultReport] { lock.withLock { all } }
}

/// A host with a plugin of protocol 12, and one of protocol 11 that a thread of its own sends packets to all the time, none
/// of which may get lost.
func withTraffic(
  _ source: String, _ dispatch: Dispatch, log: LogBook = LogBook(), checks: Bool = false,
  _ body: (_ folder: String, Engine, PluginHost, ReportBook) throws -> Void
) throws {
  try Fixtures.withTemporaryDirectory { folder in
    let book = ReportBook()
    try withHost(dispatch: dispatch, log: log) { engine, host in
      host.onFault = { book.add($0) }
      engine.checksMbufs = checks
      try CPlugin.compile(source, to: "\(folder)/held.so", isInstrumented: false)
      try CPlugin.compile(CPlugin.probe(build: 1), to: "\(folder)/probe.so")
      try host.load("\(folder)/held.so")
      try host.load("\(folder)/probe.so")
      let isOver = StopMark()
      let sent = Tally()
      let sender = NetISR.Thread(name: "sender") {
        engine.withAttachedThread(cpu: 1) {
          while !isOver.isSet {
            if engine.room < 64 {
              usleep(100)
              continue
            }
            sent.add(netisr_dispatch(11, filledPacket(".")) == 0)
            usleep(20)
          }
        }
      }
      guard eventually({ sent.count > 0 }) else { throw TrafficError.lost("nothing was ever sent") }
      let result = Result { try body(folder, engine, host, book) }
      isOver.set()
      sender.join()
      try result.get()
      guard eventually({ engine.isDrained }) else { throw TrafficError.neverDrained }
      let handled = engine.counterValue(named: "probe.build1") ?? 0
      guard sent.failures == 0, handled == sent.count, sent.count > 0, engine.conservation().isBalanced else {
        throw TrafficError.lost("\(sent.count) sent, \(handled) handled, \(sent.failures) refused")
      }
    }
  }
}

/// The other protocol suffered.
enum TrafficError: Error {
  case neverDrained
  case lost(String)
}

/// Set once, seen by another thread.
final class StopMark: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false
  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}

private final class Tally: @unchecked Sendable {
  private let lock = NSLock()
  private var all: UInt64 = 0
  private var bad = 0
  func add(_ isGood: Bool) {
    lock.withLock {
      all += 1
      if !isGood { bad += 1 }
    }
  }
  var count: UInt64 { lock.withLock { all } }
  var failures: Int { lock.withLock { bad } }
}
