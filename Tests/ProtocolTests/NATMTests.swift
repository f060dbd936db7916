import CNetISR
import Testing
import TestSupport

/// natm: forms, checks and encapsulations.
@Suite struct NATMTests {
  let harness: Harness

  init() throws { harness = try Harness(plugins: ["natm"]) }

  func sdu(_ body: [UInt8], wireLength: Int? = nil) {
    let frame = NATMFrames.frame(ATM_FORM_SDU, vpi: 8, vci: 35, body)
    harness.input(NETISR_NATM, frame, wireLength: wireLength)
  }

  // MARK: Encapsulations

  @Test func routedProtocolsBehindSNAP() {
    sdu(NATMFrames.snap([8, 0], NATMFrames.ipv4()))
    sdu(NATMFrames.snap([0x86, 0xdd], NATMFrames.ipv6))
    sdu(NATMFrames.snap([8, 6], NATMFrames.arp))
    sdu(NATMFrames.snap([0x80, 0x35], NATMFrames.arp))
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [NATMFrames.ipv4()])
    #expect(harness.delivered(to: NETISR_IPV6).map(\.bytes) == [NATMFrames.ipv6])
    #expect(harness.delivered(to: NETISR_ARP).map(\.bytes) == [NATMFrames.arp, NATMFrames.arp])
    #expect(harness.counters("natm") == ["pdus": 4, "ip": 1, "ip6": 1, "arp": 2, "circuits": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func bridgedEthernet() {
    let frame = NATMFrames.ethernet
    sdu(NATMFrames.bridged(7, frame))
    sdu(NATMFrames.bridged(1, frame + [0xde, 0xad, 0xbe, 0xef]))
    sdu([0, 0] + frame)
    #expect(harness.delivered(to: NETISR_ETHER).map(\.bytes) == [frame, frame, frame])
    #expect(harness.counters("natm") == ["pdus": 3, "bridged": 3, "circuits": 1])
  }

  @Test func routedProtocolsBehindNLPID() {
    sdu([0xfe, 0xfe, 3, 0xcc] + NATMFrames.ipv4())
    sdu([0xfe, 0xfe, 3, 0x8e] + NATMFrames.ipv6)
    sdu([0xfe, 0xfe, 3, 0x83] + NATMFrames.ipv6)
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [NATMFrames.ipv4()])
    #expect(harness.delivered(to: NETISR_IPV6).map(\.bytes) == [NATMFrames.ipv6])
    #expect(harness.counters("natm") == ["pdus": 3, "ip": 1, "ip6": 1, "noproto": 1, "circuits": 1])
  }

  @Test func circuitsForOneProtocol() {
    sdu(NATMFrames.ipv4())
    sdu(NATMFrames.ipv6)
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [NATMFrames.ipv4()])
    #expect(harness.delivered(to: NETISR_IPV6).map(\.bytes) == [NATMFrames.ipv6])
  }

  @Test(
    arguments: [
      [0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x47, 1, 2, 3, 4],  // MPLS
      [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 0x0e, 0, 0, 0, 0],  // a bridge's own PDU
      [0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 0, 0, 0, 0],
      [0x00, 0x21, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],  // PPP (RFC 2364)
      [0x44, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],  // a header of 16 bytes
      [0x45, 0, 0, 19, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],  // shorter than its header
      [0x60, 0, 0, 0, 0, 0, 59, 64],
      [0, 0, 2, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 2, 8, 0],  // a group address as source
      [0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8, 0],
      [0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 1],  // a length that the frame does not have
      [0xff, 0, 0, 1],
    ] as [[UInt8]])
  func nothingIsMadeOfUnknownEncapsulations(body: [UInt8]) {
    sdu(body)
    #expect(harness.counters("natm") == ["pdus": 1, "noproto": 1, "circuits": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test(
    arguments: [
      [], [0xaa], [0xaa, 0xaa], [0xaa, 0xaa, 3], [0xaa, 0xaa, 3, 0, 0, 0, 8], [0xfe, 0xfe, 3],
      [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7],
      [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0] + [UInt8](repeating: 2, count: 13),
      [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1, 0, 0] + [UInt8](repeating: 2, count: 17),
    ] as [[UInt8]])
  func payloadsThatEndInsideTheirHeaders(body: [UInt8]) {
    sdu(body)
    #expect(harness.counters("natm") == ["pdus": 1, "truncated": 1, "circuits": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aPayloadThatWasCutByTheCaptureIsHandedOn() {
    // The first cell of a longer PDU: IP judges what its length says.
    let packet = Array(NATMFrames.ipv4(1500).prefix(40))
    sdu(NATMFrames.snap([8, 0], packet))
    sdu(NATMFrames.snap([8, 0], packet), wireLength: 8 + 8 + 1500)
    // The FCS was not captured, or half of it.
    let bridged = NATMFrames.bridged(1, NATMFrames.ethernet + [1, 2, 3, 4])
    sdu(Array(bridged.dropLast(6)), wireLength: 8 + bridged.count)
    sdu(Array(bridged.dropLast(3)), wireLength: 8 + bridged.count)
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [packet, packet])
    #expect(
      harness.delivered(to: NETISR_ETHER).map(\.bytes) == [NATMFrames.ethernet.dropLast(2), NATMFrames.ethernet])
  }

  // MARK: PDUs

  @Test(arguments: [1, 39, 40, 41, 48, 88, 1500, 9180, 65535])
  func pdusOfAllLengths(count: Int) {
    let payload = NATMFrames.snap([8, 0], NATMFrames.ipv4(max(20, count - 8)))
    let exact = Array(payload.prefix(count))
    let pdu = NATMFrames.pdu(exact)
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_PDU, pdu))
    #expect(harness.counter("natm.pdus") == 1)
    #expect(harness.counter("natm.badcrc") == 0)
    #expect(harness.counter("natm.badlen") == 0)
    #expect(harness.counter("natm.ip") == (count > 8 ? 1 : 0))
    if count > 8 { #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [Array(exact.dropFirst(8))]) }
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aWrongCRC() {
    let pdu = NATMFrames.pdu(NATMFrames.snap([8, 0], NATMFrames.ipv4(300)))
    for index in [0, 7, 8, 100, pdu.count - 8, pdu.count - 6, pdu.count - 1] {
      var wrong = pdu
      wrong[index] ^= 0x10
      harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_PDU, wrong))
    }
    #expect(harness.counters("natm") == ["pdus": 7, "badcrc": 7, "circuits": 1])
  }

  @Test func lengthsThatThePadDoesNotFit() {
    let payload = NATMFrames.snap([8, 0], NATMFrames.ipv4(60))  // 68 bytes: 96 with pad 20 and trailer
    let wrong = [
      NATMFrames.pdu(payload, length: 89), NATMFrames.pdu(payload, length: 40), NATMFrames.pdu(payload, length: 65535),
      NATMFrames.pdu(payload, extraPad: 48), Array(NATMFrames.pdu(payload).dropLast(1)), [],
      [UInt8](repeating: 0, count: 47),
      [UInt8](repeating: 0, count: 1367 * 48),
    ]
    for pdu in wrong { harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_PDU, pdu)) }
    #expect(harness.counters("natm") == ["pdus": 8, "badlen": 8, "circuits": 1])
    // The longest and the shortest pad.
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_PDU, NATMFrames.pdu(payload, length: 88)))
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_PDU, NATMFrames.pdu(payload, length: 41)))
    #expect(harness.counter("natm.badlen") == 8)
    #expect(harness.counter("natm.ip") == 2)
  }

  @Test func aPDUThatItsSenderGaveUp() {
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_PDU, NATMFrames.pdu([], length: 0, extraPad: 48)))
    #expect(harness.counters("natm") == ["pdus": 1, "aborted": 1, "circuits": 1])
  }

  @Test func aPDUWhoseTrailerWasNotCaptured() {
    let pdu = NATMFrames.pdu(NATMFrames.snap([8, 0], NATMFrames.ipv4(300)))
    let frame = NATMFrames.frame(ATM_FORM_PDU, pdu)
    harness.input(NETISR_NATM, Array(frame.dropLast(96)), wireLength: frame.count)
    #expect(harness.counters("natm") == ["pdus": 1, "truncated": 1, "circuits": 1])
  }

  // MARK: Frames

  @Test func framesThatAreNone() {
    for frame in [[], [1], [3, 0, 0, 0, 0, 0, 0], NATMFrames.frame(0, []), NATMFrames.frame(5, [1, 2, 3])] as [[UInt8]]
    {
      harness.input(NETISR_NATM, frame)
    }
    let cell = NATMFrames.cell([])
    harness.input(NETISR_NATM, Array(cell.dropLast()))
    harness.input(NETISR_NATM, Array(cell.prefix(8)))
    #expect(harness.counters("natm") == ["tooshort": 7])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func managementIsCountedAndGoesToNobody() {
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_OAM, vpi: 0, vci: 4, [UInt8](repeating: 0x18, count: 48)))
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_OAM, vpi: 0, vci: 5, []))
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_OAM, vpi: 0, vci: 16, [1]))
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_OAM, vpi: 0, vci: 33, pti: 5, [1]))
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_SDU, vpi: 0, vci: 5, NATMFrames.ipv4()))
    #expect(harness.counters("natm") == ["oam": 2, "signalling": 2, "ilmi": 1, "circuits": 4])
    #expect(harness.delivered(to: NETISR_IP).isEmpty)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func cellsByWhatTheyCarry() {
    let payload = [UInt8](repeating: 0x6a, count: 48)
    let cells: [[UInt8]] = [
      NATMFrames.cell(vpi: 0, vci: 0, clp: 1, payload), NATMFrames.cell(vpi: 0, vci: 0, payload),  // idle, unassigned
      NATMFrames.cell(vpi: 7, vci: 3, payload), NATMFrames.cell(vpi: 7, vci: 4, payload),  // F4
      NATMFrames.cell(pti: 4, payload), NATMFrames.cell(pti: 5, clp: 1, payload),  // F5
      NATMFrames.cell(pti: 6, payload), NATMFrames.cell(vci: 6, payload),
      NATMFrames.cell(pti: 7, payload), NATMFrames.cell(vci: 5, payload), NATMFrames.cell(vci: 16, pti: 1, payload),
      NATMFrames.cell(payload, hecError: 1), NATMFrames.cell(payload, hecError: 0x80), NATMFrames.cell(gfc: 9, payload),
    ]
    for cell in cells { harness.input(NETISR_NATM, cell) }
    #expect(
      harness.counters("natm") == [
        "cells": 14, "idle": 2, "oam": 4, "rm": 2, "reserved": 1, "signalling": 1, "ilmi": 1, "badhec": 2,
        "circuits": 6,
      ])
  }

  @Test func everyDamagedHeaderIsSeen() {
    let cell = NATMFrames.cell(vpi: 0x5a, vci: 0xa5c3, pti: 1, [])
    for bit in 0..<40 {
      var wrong = cell
      wrong[8 + bit / 8] ^= 1 << UInt8(bit % 8)
      harness.input(NETISR_NATM, wrong)
    }
    #expect(harness.counters("natm") == ["cells": 40, "badhec": 40])
  }

  // MARK: Chains

  @Test func piecesMakeNoDifference() throws {
    let routed = NATMFrames.snap([8, 0], NATMFrames.ipv4(200))
    let frames = [
      NATMFrames.frame(ATM_FORM_SDU, routed),
      NATMFrames.frame(ATM_FORM_SDU, NATMFrames.bridged(1, NATMFrames.ethernet + [1, 2, 3, 4])),
      NATMFrames.frame(ATM_FORM_PDU, NATMFrames.pdu(routed)),
      NATMFrames.cell(pti: 1, NATMFrames.pdu(NATMFrames.ipv4())),
    ]
    for frame in frames {
      let whole = try Harness(plugins: ["natm"])
      whole.input(NETISR_NATM, frame)
      for first in [0, 1, 2, 7, 8, 9, 12, 13, 14, 16, 17, 18, 19, 25, 40, 55, 60, frame.count - 5, frame.count - 1] {
        for second in [1, 2, 8, 33] {
          let harness = try Harness(plugins: ["natm"])
          harness.input(NETISR_NATM, frame, split: [first, second])
          #expect(harness.counters("natm") == whole.counters("natm"), "split \(first), \(second)")
          for proto in [NETISR_IP, NETISR_ETHER] {
            #expect(harness.delivered(to: proto).map(\.bytes) == whole.delivered(to: proto).map(\.bytes))
          }
          #expect(harness.mbufsInFlight == 0)
        }
      }
    }
  }
}
