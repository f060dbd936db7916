import CNetISR

/// One protocol on a packet's way: where the engine put the packet for it, and by what.
public struct PacketStep: Sendable {
  /// What became of the packet there.
  public enum Outcome: Sendable, Equatable {
    /// The handler was called on the sender's thread.
    case atOnce
    /// The handler was called from a workstream's queue.
    case queued
    /// The engine dropped it.
    case dropped(DropReason)
  }

  /// A flow id, and what it was computed over (M_HASHTYPE_...).
  public struct Flow: Sendable, Hashable {
    /// The id.
    public var id: UInt32
    /// The hash type.
    public var hashType: UInt8
  }

  /// The protocol's number.
  public var proto: UInt32
  /// The protocol whose handler passed the packet on; nil when it came from an interface, or nobody can tell.
  public var via: UInt32?
  /// The protocol's policy; nil when nobody serves it.
  public var policy: Policy?
  /// The dispatch policy in force: the protocol's own, or the global one.
  public var dispatch: Dispatch?
  /// The index of the receiving interface; 0 when there is none.
  public var interfaceIndex: UInt32 = 0
  /// The receiving interface's name.
  public var interfaceName: String?
  /// The source word; nil when the engine did not look at it.
  public var source: UInt?
  /// The flow that the packet came with.
  public var arrivedFlow: Flow?
  /// The flow by which it was placed: what it came with, or what nh_m2flow set.
  public var flow: Flow?
  /// What nh_m2cpuid answered, if that was asked; NETISR_CPUID_NONE is "no preference".
  public var wantedCPU: UInt32?
  /// The workstream that was selected; nil when none was, as by direct dispatch.
  public var workstream: Int?
  /// The CPU on which the handler was called.
  public var cpu: UInt32?
  /// What became of it.
  public var outcome = Outcome.queued

  init(proto: UInt32, via: UInt32?) {
    self.proto = proto
    self.via = via
  }

  /// Takes down what the packet says of itself.
  mutating func note(_ m: UnsafeMutablePointer<mbuf>) {
    if let interface = unsafe m.pointee.m_pkthdr.rcvif {
      interfaceIndex = unsafe interface.pointee.if_index
      interfaceName = unsafe withUnsafeBytes(of: &interface.pointee.if_xname) { field in
        unsafe String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    arrivedFlow = unsafe m.flow
    flow = arrivedFlow
  }
}

extension UnsafeMutablePointer where Pointee == mbuf {
  /// The packet's flow, if it has one.
  var flow: PacketStep.Flow? {
    let header = unsafe pointee.m_pkthdr
    guard unsafe header.rsstype != UInt8(M_HASHTYPE_NONE) else { return nil }
    return unsafe PacketStep.Flow(id: header.flowid, hashType: header.rsstype)
  }
}
