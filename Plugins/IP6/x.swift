import NetISRPlugin
struct ICMP6Counters { init() {}; init(defining _: Void) throws(Errno) {} }
nonisolated(unsafe) var icmp6Counters = ICMP6Counters()
struct NeighbourKey: BitwiseCopyable { var a: UInt64 }
struct Neighbour: BitwiseCopyable { var a: UInt64 }
struct MembershipKey: BitwiseCopyable { var a: UInt64 }
struct Membership: BitwiseCopyable { var a: UInt64 }
