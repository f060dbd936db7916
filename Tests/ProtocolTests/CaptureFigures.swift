import NetISR
import TestSupport

/// One figure of a capture: what the reading says, and what the counters say.
struct CaptureFigure {
  let name: String
  let expected: UInt64
  let found: UInt64
  /// How many of `expected` may be missing because an earlier check stops them.
  var stopped: UInt64 = 0

  /// Whether the two say the same.
  var agrees: Bool { found <= expected && expected - found <= stopped }

  /// All figures that the reading of this capture has.
  static func all(_ capture: LinkCaptures.Capture, _ harness: Harness) -> [CaptureFigure] {
    var figures: [CaptureFigure] = []
    func add(_ name: String, _ expected: UInt64, stopped: UInt64 = 0, _ counters: String...) {
      figures.append(
        CaptureFigure(
          name: name, expected: expected, found: counters.reduce(0) { $0 + harness.counter($1) }, stopped: stopped))
    }
    // Packets that ip, igmp and icmp6 drop for what is wrong with their headers or checksums.
    let badIP = capture.number("ipv4_checksum_bad") + capture.number("ipv4_malformed")
    let badICMP = badIP + capture.number("icmp_checksum_bad")
    let badIGMP = badIP + capture.number("igmp_checksum_bad")
    let badICMP6 = capture.number("icmpv6_checksum_bad")
    func has(_ key: String) -> Bool { capture.values[key] != nil }

    if capture.linkType == "ether" {
      add("frames", capture.packets, "ether.total")
      add("IPv4 frames", capture.number("ipv4"), "ether.ip")
      add("ARP frames", capture.number("arp"), "ether.arp")
      add("VLAN frames", capture.tagged, "ether.vlan")
    }
    add("IPv4 packets", capture.number("ipv4"), "ip.total")
    add("IPv6 packets", capture.number("ipv6"), "ip6.total")
    if has("arp_requests") { add("ARP requests", capture.number("arp_requests"), "arp.rxrequests") }
    if has("arp_replies") { add("ARP replies", capture.number("arp_replies"), "arp.rxreplies") }
    if has("ipv4_checksum_bad") { add("bad header checksums", capture.number("ipv4_checksum_bad"), "ip.badsum") }
    if has("ipv4_fragments") { add("IPv4 fragments", capture.number("ipv4_fragments"), stopped: badIP, "ip.fragments") }
    if has("ipv6_fragments") { add("IPv6 fragments", capture.number("ipv6_fragments"), "ip6.fragments") }
    if has("ipv4_reassembled"), !has("ipv4_reassembled_with_error") {
      add("IPv4 reassembled", capture.number("ipv4_reassembled"), stopped: badIP, "ip.reassembled")
    }
    if has("ipv6_reassembled"), !has("ipv6_reassembled_with_error") {
      add("IPv6 reassembled", capture.number("ipv6_reassembled"), "ip6.reassembled")
    }
    let icmp = [
      "0": "echoreply", "3": "unreach", "5": "redirect", "8": "echo", "11": "timxceed",
    ]
    for (type, count) in capture.tally("icmp_type") {
      if let counter = icmp[type] { add("ICMP type \(type)", count, stopped: badICMP, "icmp.\(counter)") }
    }
    if has("igmp") { add("IGMP messages", capture.number("igmp"), stopped: badIP, "igmp.rcv_total") }
    for (type, count) in capture.tally("igmp_type") {
      switch type {
      case "0x11": add("IGMP queries", count, stopped: badIGMP, "igmp.rcv_v1v2_queries", "igmp.rcv_v3_queries")
      case "0x12": add("IGMPv1 reports", count, stopped: badIGMP, "igmp.rcv_v1_reports")
      case "0x16": add("IGMPv2 reports", count, stopped: badIGMP, "igmp.rcv_v2_reports")
      case "0x17": add("IGMP leaves", count, stopped: badIGMP, "igmp.rcv_leaves")
      case "0x22": add("IGMPv3 reports", count, stopped: badIGMP, "igmp.rcv_v3_reports")
      default: break
      }
    }
    let icmp6 = [
      "1": "unreach", "2": "toobig", "3": "timxceed", "4": "paramprob", "128": "echo", "129": "echoreply",
      "130": "mld_query", "131": "mld_report", "132": "mld_done", "133": "router_solicit", "134": "router_advert",
      "135": "nd_solicit", "136": "nd_advert", "137": "redirect", "143": "mld2_report",
    ]
    for (type, count) in capture.tally("icmpv6_type") {
      if let counter = icmp6[type] { add("ICMPv6 type \(type)", count, stopped: badICMP6, "icmp6.\(counter)") }
    }
    let atm = capture.values["atm"] as? [String: Any]
    if let circuits = atm?["vpi_vci"] as? [String: Int] {
      figures.append(
        CaptureFigure(
          name: "circuits", expected: UInt64(circuits.count), found: UInt64(harness.tableCount("natm.circuits"))))
    }
    let netlink = capture.values["netlink"] as? [String: Any]
    let messages = [
      "16": "newlink", "17": "dellink", "18": "getlink", "19": "setlink", "20": "newaddr", "21": "deladdr",
      "22": "getaddr", "24": "newroute", "25": "delroute", "26": "getroute", "28": "newneigh", "29": "delneigh",
      "30": "getneigh",
    ]
    if let types = netlink?["route_message_type"] as? [String: Int] {
      for (type, count) in types {
        if let counter = messages[type] { add("netlink type \(type)", UInt64(count), "route.\(counter)") }
      }
    }
    if let all = netlink?["messages_with_header"] as? Int { add("netlink messages", UInt64(all), "route.messages") }
    return figures
  }
}
