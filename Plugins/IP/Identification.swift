import NetISRPlugin
import Synchronization

/// Identifications of datagrams made here (RFC 791; RFC 6864): counted, from a start of its own for each pair of stations
/// and protocol, so that one of them can't read from its own datagrams what the next one's for another will be.
enum Identification {
  // Relaxed: a number that stands for nothing else.
  private static let count = Atomic<UInt32>(0)

  static func next(_ source: UInt32, _ destination: UInt32, _ protocolNumber: UInt8) -> UInt16 {
    var hash = FlowHash(common: unsafe identificationSeed ^ UInt64(protocolNumber))
    hash.addEnd(1, UInt64(source), port: 0)
    hash.addEnd(2, UInt64(destination), port: 0)
    let number = count.wrappingAdd(1, ordering: .relaxed).oldValue
    return UInt16(truncatingIfNeeded: hash.value &+ number)
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var identificationSeed: UInt64 = 0
