import CNetISR
import NetISR
import TestSupport
import Testing

/// Addresses of this station: how they come, are looked for, and go (RFC 4862).
@Suite struct IP6AddressTests {
  private typealias Station = IP6Station
  private static let (tentative, preferred, duplicate): (UInt8, UInt8, UInt8) = (1, 2, 4)
  private static let second = IP6Station.second

  /// Messages of a type that were sent.
  private static func messages(_ type: UInt8, of frames: [[UInt8]]) -> [[UInt8]] {
    frames.map { Array($0[14...]) }.filter { $0[6] == 58 && $0[40] == type }
  }

  private static func dadOfOthers(_ target: [UInt8], nonce: [UInt8] = []) -> [UInt8] {
    IP6.icmp6Packet(
      135, [0, 0, 0, 0] + target + (nonce.isEmpty ? [] : [14, 1] + nonce), from: IP6.unspecified,
      to: Station.solicitedNode(target))
  }

  @Test func anInterfaceHasALinkLocalAddress() throws {
    let station = try Station()
    station.noteChange()
    #expect(station.addressState(Station.linkLocal) == Self.preferred)
    #expect(station.addressState(Station.global) == Self.preferred)
    #expect(station.harness.tableCount("ip6.addresses") == 2)
    // With one of the operator's it needs none; nor where nobody wants it.
    Station.set([(IP6.linkB, 64), (Station.global, 64)], of: station.interface)
    station.noteChange()
    #expect(station.addressState(Station.linkLocal) == nil && station.addressState(IP6.linkB) == Self.preferred)
    Station.set([(Station.global, 64)], of: station.interface)
    station.set("ip6.auto_linklocal", 0)
    station.pass(2 * Self.second)
    #expect(station.addressState(Station.linkLocal) == nil)
    station.set("ip6.auto_linklocal", 1)
    station.pass(2 * Self.second)
    #expect(station.addressState(Station.linkLocal) == Self.preferred)
  }

  @Test func anAddressIsLookedForBeforeItIsUsed() throws {
    let station = try Station(detecting: true)
    station.noteChange()
    #expect(station.addressState(Station.global) == Self.tentative)
    station.input(Station.solicitation(Station.global, from: IP6.globalA))
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], to: Station.global))
    #expect(station.recorder.take().isEmpty, "neither answers to it")
    station.pass(Self.second)
    let frames = station.recorder.take()
    let probes = Self.messages(135, of: frames)
    #expect(probes.count == 2)
    for probe in probes {
      // From ::, to the solicited-node group, hop limit 255, with a nonce and without an address.
      #expect(Array(probe[8..<24]) == IP6.unspecified && Array(probe[24..<40]) == Station.solicited)
      #expect(probe[7] == 255 && probe.count == 72 && Array(probe[64..<66]) == [14, 1])
      #expect(IP6.icmp6(135, Array(probe[44...]), from: IP6.unspecified, to: Station.solicited) == Array(probe[40...]))
    }
    // The group is joined before, from :: as long as there is no address (RFC 3590).
    let types = frames.map { $0[20] }
    #expect(types.first == 0 && Array(frames[0][22..<38]) == IP6.unspecified)
    station.pass(Self.second)
    #expect(station.addressState(Station.global) == Self.preferred)
    #expect(station.addressState(Station.linkLocal) == Self.preferred)
    station.pass(20 * Self.second)
    _ = station.recorder.take()
    station.input(ICMP6Tests.solicitation(Station.global, from: IP6.globalA, to: Station.solicited))
    #expect(
      station.recorder.take() == [
        Station.frame(Station.advertisement(Station.global, to: IP6.globalA, flags: 0x60), to: ICMP6Tests.mac)
      ])
  }

  @Test func asManyProbesAsAreWanted() throws {
    let station = try Station(detecting: true, addresses: [])
    station.set("ip6.dad_count", 3)
    station.noteChange()
    station.pass(3 * Self.second)
    #expect(Self.messages(135, of: station.recorder.take()).count == 3)
    let other = try Station(detecting: true, addresses: [])
    other.set("ip6.dad_count", 0)
    other.noteChange()
    #expect(other.addressState(Station.linkLocal) == Self.preferred)
    other.pass(3 * Self.second)
    #expect(Self.messages(135, of: other.recorder.take()).isEmpty)
  }

  @Test func anAddressOfOthersIsNotUsed() throws {
    let messages: [(String, [UInt8])] = [
      ("somebody else looks for it", Self.dadOfOthers(Station.global)),
      ("with another nonce", Self.dadOfOthers(Station.global, nonce: [1, 2, 3, 4, 5, 6])),
      (
        "somebody has it",
        IP6.icmp6Packet(
          136, [0x20, 0, 0, 0] + Station.global + [2, 1] + ICMP6Tests.mac, from: Station.global, to: IP6.allNodes)
      ),
    ]
    for (name, message) in messages {
      let station = try Station(detecting: true)
      station.noteChange()
      station.input(message)
      #expect(station.addressState(Station.global) == Self.duplicate, "\(name)")
      #expect(station.harness.counter("icmp6.duplicates") == 1, "\(name)")
      station.pass(30 * Self.second)
      _ = station.recorder.take()
      station.input(ICMP6Tests.solicitation(Station.global, from: IP6.globalA, to: Station.solicited))
      #expect(station.recorder.take().isEmpty, "\(name)")
      #expect(station.addressState(Station.linkLocal) == Self.preferred, "\(name)")
      // The link goes down and up: it is tried again.
      station.interface.pointee.if_flags &= ~UInt32(IFNET_UP)
      station.noteChange()
      #expect(station.harness.tableCount("ip6.addresses") == 0)
      station.interface.pointee.if_flags |= UInt32(IFNET_UP)
      station.noteChange()
      #expect(station.addressState(Station.global) == Self.tentative, "\(name)")
    }
  }

  @Test func whatComesBackIsNoConflict() throws {
    let station = try Station(detecting: true)
    station.noteChange()
    station.pass(Self.second)
    for probe in Self.messages(135, of: station.recorder.take()) { station.input(probe) }
    #expect(station.harness.counter("icmp6.duplicates") == 0)
    // Somebody asks, and does not look for an address.
    station.input(ICMP6Tests.solicitation(Station.global, from: IP6.globalA, to: Station.solicited))
    #expect(station.harness.counter("icmp6.duplicates") == 0)
    station.pass(2 * Self.second)
    #expect(station.addressState(Station.global) == Self.preferred)
  }

  @Test func anAddressInUseIsDefended() throws {
    let station = try Station()
    station.settle()
    station.input(Self.dadOfOthers(Station.global))
    // All are told, unasked.
    #expect(
      station.recorder.take() == [
        Station.frame(
          Station.advertisement(Station.global, to: IP6.allNodes, flags: 0x20), to: Station.group(IP6.allNodes))
      ])
    #expect(station.addressState(Station.global) == Self.preferred)
  }

  @Test func addressesGoWithTheirInterface() throws {
    let station = try Station()
    station.settle()
    Station.set([], of: station.interface)
    station.noteChange()
    #expect(station.addressState(Station.global) == nil && station.addressState(Station.linkLocal) != nil)
    station.harness.engine.interfaces.withdraw(station.interface)
    station.noteChange()
    for table in ["addresses", "groups", "links", "prefixes"] {
      #expect(station.harness.tableCount("ip6.\(table)") == 0, "\(table)")
    }
  }

  @Test func aNewGenerationGoesOn() throws {
    let station = try Station(detecting: true)
    station.noteChange()
    station.pass(Self.second)
    try station.harness.reload("ip6")
    station.harness.engine.runCallouts()
    station.pass(Self.second)
    #expect(station.addressState(Station.global) == Self.preferred)
  }

  @Test func whoOnlyListensHasNoAddresses() throws {
    let station = try Station()
    station.interface.pointee.if_flags |= UInt32(IFNET_MONITOR)
    station.noteChange()
    station.pass(5 * Self.second)
    #expect(station.harness.tableCount("ip6.addresses") == 0 && station.recorder.take().isEmpty)
  }
}
