import CNetISR
import NetISR
import TestSupport
import Testing

/// icmp as a station that answers requests.
@Suite struct ICMPAnswerTests {
  private typealias Host = IPHost

  private static func echo(_ count: Int = 56, to destination: [UInt8] = Host.leftAddress) -> IPPacket {
    IPPacket(
      proto: 1, source: Host.alice, destination: destination,
      payload: icmpMessage(type: 8, rest: [0x12, 0x34, 0, 1] + pattern(count, seed: count)))
  }

  @Test(arguments: [0, 1, 2, 55, 56, 1472, 2000, 9001, 65_507])
  func echoesOfAllSizes(count: Int) throws {
    let host = try Host()
    let request = Self.echo(count)
    if count <= 1472 {
      for split in [[], [19], [20], [21], [27], [28], [1, 20, 30]] { host.input(request, split: split) }
    } else {
      for fragment in request.fragments(of: 1480) { host.input(fragment) }
    }
    let sent = host.take()
    let replies = count <= 1472 ? sent.map { [$0] } : [sent]
    #expect(replies.count == (count <= 1472 ? 7 : 1))
    for reply in replies {
      #expect(reply.allSatisfy { $0.nextHop == Host.alice && $0.bytes.count <= 1500 })
      let message = try #require(SentDatagram.reassembled(reply))
      #expect(message == icmpMessage(type: 0, rest: [0x12, 0x34, 0, 1] + pattern(count, seed: count)))
      let first = try #require(reply.first.map(SentDatagram.init))
      #expect(first.source == Host.leftAddress && first.destination == Host.alice && first.ttl == 64)
    }
    #expect(host.counter("icmp.reflect") == UInt64(replies.count))
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  @Test func answersComeFromTheAddressThatWasAsked() throws {
    let host = try Host()
    host.input(Self.echo(to: Host.rightAddress))
    let sent = try host.takeOne()
    #expect(SentDatagram(sent).source == Host.rightAddress && sent.interfaceIndex == host.left.pointee.if_index)
    // By a route, if the sender is not on the link.
    host.route(RouteMessages().route(nil, prefix: 0, via: [10, 1, 0, 254], interface: 101))
    var far = Self.echo()
    far.source = [192, 0, 2, 77]
    host.input(far)
    #expect(try host.takeOne().nextHop == [10, 1, 0, 254])
  }

  /// The same addresses on another link, in another stack: each answers for itself.
  @Test func stacksAnswerApart() throws {
    let host = try Host()
    let twin = try Host.make(host.harness, "twin", Host.leftAddress, system: 105, vnet: 9)
    host.noteChange()
    for interface in [host.left, twin, host.left, twin] {
      host.input(Self.echo().bytes, by: interface)
      #expect(try host.takeOne().interfaceIndex == interface.pointee.if_index)
    }
    // The other interface's address is only this stack's.
    host.input(Self.echo(to: Host.rightAddress).bytes, by: twin)
    #expect(host.counter("icmp.reflect") == 4)
    #expect(SentDatagram(try host.takeOne()).icmp?.type == 3, "there is no route to it there")
  }

  @Test func sharedStorageIsNotWrittenTo() throws {
    let host = try Host()
    let request = Self.echo(1000).bytes
    let copy = host.harness.engine.withAttachedThread { () -> [UInt8] in
      let packet = Harness.makeChain(request)!
      let other = m_copypacket(packet, M_NOWAIT)!
      packet.pointee.m_pkthdr.rcvif = host.left
      _ = netisr_dispatch(UInt32(NETISR_IP), packet)
      var bytes = [UInt8](repeating: 0, count: request.count)
      _ = m_copydata(other, 0, Int32(bytes.count), &bytes)
      m_freem(other)
      return bytes
    }
    #expect(copy == request)
    #expect(SentDatagram(try host.takeOne()).icmp?.type == 0)
  }

  @Test func timestamps() throws {
    let host = try Host()
    let request = IPPacket(
      proto: 1, source: Host.alice, destination: Host.leftAddress,
      payload: icmpMessage(type: 13, rest: [0, 9, 0, 1, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]))
    host.input(request)
    let message = try #require(SentDatagram(try host.takeOne()).icmp)
    #expect(message.type == 14 && message.word == 0x0009_0001)
    let time = UInt32(host.now / 1_000_000 % 86_400_000)
    let bytes = (0..<4).map { UInt8(time >> (24 - 8 * $0) & 0xff) }
    #expect(message.quote == [1, 2, 3, 4] + bytes + bytes)
    // One byte short.
    host.input(
      IPPacket(
        proto: 1, source: Host.alice, destination: Host.leftAddress,
        payload: icmpMessage(type: 13, rest: [UInt8](repeating: 0, count: 15))))
    #expect(host.take().isEmpty)
  }

  @Test func optionsThatRecordTheWayComeBackWithThisHostsEntry() throws {
    let host = try Host()
    func reply(_ options: [UInt8]) throws -> [UInt8] {
      var request = Self.echo()
      request.options = options
      host.input(request)
      let sent = SentDatagram(try host.takeOne())
      #expect(sent.isSound && sent.icmp?.type == 0)
      return sent.options
    }
    let own = Host.leftAddress
    #expect(try reply([7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]) == [7, 11, 8] + own + [0, 0, 0, 0, 0])
    #expect(try reply([7, 7, 8, 9, 9, 9, 9]) == [7, 7, 8, 9, 9, 9, 9, 0])
    // For its own way only.
    #expect(try reply([148, 4, 0, 0]) == [])
    #expect(try reply([131, 7, 8, 1, 2, 3, 4, 1, 7, 7, 4, 0, 0, 0, 0]) == [7, 7, 8] + own + [0])
    let time = UInt32(host.now / 1_000_000 % 86_400_000)
    let bytes = (0..<4).map { UInt8(time >> (24 - 8 * $0) & 0xff) }
    #expect(try reply([68, 8, 5, 0, 0, 0, 0, 0]) == [68, 8, 9, 0] + bytes)
    #expect(try reply([68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]) == [68, 12, 13, 1] + own + bytes)
    #expect(try reply([68, 12, 5, 3] + own + [0, 0, 0, 0]) == [68, 12, 13, 3] + own + bytes)
    #expect(try reply([68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0]) == [68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0])
    #expect(try reply([68, 4, 5, 0x20]) == [68, 4, 5, 0x30], "one more found no room")
    #expect(try reply([68, 4, 5, 0xf0]) == [68, 4, 5, 0xf0])
  }

  @Test func saysNothing() throws {
    let host = try Host()
    // To many, by either layer's address.
    for destination in [[255, 255, 255, 255], [10, 1, 0, 255], [224, 0, 0, 1], [0, 0, 0, 0]] as [[UInt8]] {
      host.input(Self.echo(to: destination))
    }
    host.input(Self.echo(), flags: M_BCAST)
    host.input(Self.echo(), flags: M_MCAST)
    #expect(host.counter("icmp.bmcastecho") == 6 && host.counter("icmp.echo") == 6)
    // In a frame for another station.
    host.input(Self.echo(), flags: M_PROMISC)
    #expect(host.counter("ip.otherhost") == 1)
    // From nobody, and from itself.
    for source in [[0, 0, 0, 0], [10, 1, 0, 255], Host.leftAddress, [240, 0, 0, 1]] as [[UInt8]] {
      var request = Self.echo()
      request.source = source
      host.input(request)
    }
    // Replies, and what was not asked.
    for type in [0, 3, 4, 5, 9, 10, 11, 12, 14, 15, 16, 17, 18, 42] as [UInt8] {
      host.input(
        IPPacket(
          proto: 1, source: Host.alice, destination: Host.leftAddress,
          payload: icmpMessage(type: type, rest: pattern(40))))
    }
    // A wrong checksum.
    var wrong = Self.echo()
    wrong.payload[5] ^= 1
    host.input(wrong)
    host.left.pointee.if_flags |= UInt32(IFNET_MONITOR)
    host.input(Self.echo())
    #expect(host.take().isEmpty)
    #expect(host.counter("icmp.reflect") == 0)
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  @Test func answersToManyIfToldTo() throws {
    let host = try Host()
    host.set("net.inet.icmp.bmcastecho", 1)
    for destination in [[255, 255, 255, 255], [10, 1, 0, 255], [224, 0, 0, 1]] as [[UInt8]] {
      host.input(Self.echo(to: destination), flags: M_BCAST)
      let sent = SentDatagram(try host.takeOne())
      #expect(sent.source == Host.leftAddress && sent.destination == Host.alice)
    }
  }
}
