import CNetISR
import ControlPlane
import PacketIO
import PluginInspector

/// The first inputs of each target, made of the sample captures, a small plugin, and packets made by hand.
public enum Seeds {
  /// - Parameters:
  ///   - samples: the folder of sample captures.
  ///   - plugins: the folder of the plugins.
  public static func of(_ target: String, samples: String, plugins: String) throws(FuzzFinding) -> [[UInt8]] {
    switch target {
    case "inspector": return [try FileBytes.read("\(plugins)/libnull.so")]
    case "note": return [note, Array(note.prefix(20)), []]
    case "signature": return signatures
    case "policy": return policies
    case "capture": return try captures(samples)
    case "link": return try frames(samples)
    case "control": return requests
    case "configuration": return configurations
    default: return try scripts(target)
    }
  }

  private static var note: [UInt8] {
    let words: [UInt32] = [UInt32(NETISR_NOTE_MAGIC), 52, 0x0002_0001, 104, 256, 4, 1, 0, 1]
    return NoteTarget.header + words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
      + Array("arp".utf8) + [UInt8](repeating: 0, count: 13)
  }

  private static let signatures: [[UInt8]] = {
    let line = "untrusted comment: signature by netisr key 0001020304050607\n"
    // 74 bytes: the algorithm, the key's number, and a signature of no key's.
    let whole = "RWQAAQIDBAUGB" + String(repeating: "A", count: 86) + "=\n"
    return [line + whole, line + "RWQ=\n", line, whole, ""].map { Array($0.utf8) }
  }()

  private static let policies: [[UInt8]] = [
    """
    strict: true
    libraries: [libz.so.*, "libfoo.so.[0-9]"]
    built-in-libraries: false
    sensitive-imports:
      abort: allow
      socket: refuse
      "pthread_*": report
    built-in-imports: false
    """, "sensitive-imports: {\"m_[!a-f]*\": refuse, counter_?dd: report}\n", "libraries: []\nstrict: no\n", "",
  ].map { Array($0.utf8) }

  private static let sampleNames = ["ethernet", "cooked", "vlan", "netlink", "atm-cells"]

  /// The first frames of each sample: in its own form, and, of the first, with the other byte order.
  private static func captures(_ samples: String) throws(FuzzFinding) -> [[UInt8]] {
    var seeds: [[UInt8]] = []
    for name in sampleNames {
      let bytes = try FileBytes.read("\(samples)/\(name).pcap")
      var end = 24
      for _ in 0..<4 where end + 16 <= bytes.count {
        end += 16 + bytes[end + 8..<end + 12].reversed().reduce(0) { $0 << 8 | Int($1) }
      }
      seeds.append(Array(bytes.prefix(end)))
    }
    // pcapng: a section, an interface, a packet.
    let section: [UInt8] =
      [10, 13, 13, 10, 28, 0, 0, 0, 77, 60, 43, 26, 1, 0, 0, 0] + [UInt8](repeating: 255, count: 8) + [28, 0, 0, 0]
    let interface: [UInt8] = [1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0]
    let packet: [UInt8] =
      [6, 0, 0, 0, 36, 0, 0, 0] + [UInt8](repeating: 0, count: 12) + [4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 36, 0, 0, 0]
    return seeds + [section + interface + packet]
  }

  private static func frames(_ samples: String) throws(FuzzFinding) -> [[UInt8]] {
    var seeds: [[UInt8]] = []
    for name in sampleNames {
      do throws(CaptureError) {
        var reader = try CaptureReader(path: "\(samples)/\(name).pcap")
        let kind = UInt8(LinkType.allCases.firstIndex(of: reader.linkType) ?? 0)
        for _ in 0..<3 {
          _ = try reader.next { bytes, frame in
            let frame = (0..<bytes.byteCount).map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
            seeds.append([kind, 0, 0, UInt8(frame.count >> 8 & 0xff), UInt8(frame.count & 0xff)] + frame)
          }
        }
      } catch {
        throw FuzzFinding(error.description)
      }
    }
    for (kind, type) in LinkType.allCases.enumerated() where ![.en10MB, .netlink].contains(type) {
      seeds.append([UInt8(kind), 0, 0, 0, 60] + MadePackets.packets(for: UInt32(NETISR_IP))[0])
    }
    return seeds
  }

  private static let requests: [[UInt8]] = {
    let gets = [
      "plugins", "stat", "faults", "tables", "routes?vnet=0", "routes/lookup?address=10.0.0.1", "vnets", "settings",
      "settings/net.isr.dispatch", "interfaces", "routes/changes?after=0", "tables/arp.neighbours?vnet=0&limit=10",
    ]
    let bodies: [(String, String, String)] = [
      ("POST", "plugins", #"{"file": "/none/x.so"}"#), ("PUT", "settings/net.isr.dispatch", #"{"value": "deferred"}"#),
      ("POST", "vnets", #"{"vnet": 1}"#), ("PUT", "vnets/1/protocols/ip", #"{"enabled": false}"#),
      ("POST", "interfaces", #"{"spec": "epair:e0?inet=192.0.2.1/24"}"#), ("DELETE", "interfaces/e0a", ""),
      ("POST", "interfaces/e0a/groups", #"{"group": "239.1.2.3"}"#), ("DELETE", "plugins/ip", ""),
      ("POST", "routes", #"{"action": "add", "prefix": "10.0.0.0/8", "gateway": "192.0.2.9", "vnet": 0}"#),
      ("PUT", "settings/net.isr.maxthreads", #"{"value": "1"}"#), ("DELETE", "vnets/1", ""),
    ]
    let texts =
      gets.map { "GET /v1/\($0) HTTP/1.1\r\nHost: netisr\r\n\r\n" }
      + bodies.map { "\($0.0) /v1/\($0.1) HTTP/1.1\r\nContent-Length: \($0.2.utf8.count)\r\n\r\n\($0.2)" } + [
        "POST /v1/vnets HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"vnet\": 2}\r\n0\r\n\r\n",
        "HEAD /v1/stat HTTP/1.0\r\n\r\nGET /v1/vnets HTTP/1.1\r\nConnection: close\r\n\r\n",
      ]
    return texts.map { Array($0.utf8) }
  }()

  private static let configurations: [[UInt8]] = [
    """
    plugins: /usr/local/lib/netisr/plugins.d
    control: /tmp/x.sock
    dispatch: hybrid
    threads: 4
    bind: true
    interfaces:
      - packet:eth0?promisc&queues=2
      - "netlink:"
      - "file:a.pcap?loop&pps=10"
    settings: {net.isr.proto.ip.qlimit: 1024, net.isr.onfault: restart}
    log-level: debug
    """, "interfaces: [tap:t0?inet=192.0.2.2/24, epair:e0?peer-inet6=fe80::1/64, \"atm:a0?pvc=0/100&encap=vc\"]\n",
    "a: &x [1, 2]\nb: *x\n", "",
  ].map { Array($0.utf8) }

  private static func scripts(_ target: String) throws(FuzzFinding) -> [[UInt8]] {
    let numbers: [String: Int32] = [
      "ip": NETISR_IP, "igmp": NETISR_IGMP, "route": NETISR_ROUTE, "arp": NETISR_ARP, "ether": NETISR_ETHER,
      "stack": NETISR_ETHER, "ip6": NETISR_IPV6, "natm": NETISR_NATM, "epair": NETISR_EPAIR, "udpecho": 11,
    ]
    guard let number = numbers[target] else { throw FuzzFinding("no protocol is known of '\(target)'") }
    let packets = MadePackets.packets(for: UInt32(number))
    let interface: UInt8 = target == "epair" ? 2 : 1
    let alone = packets.enumerated().map { index, packet in
      PacketScript.encode(packet, interface: index % 2 == 0 ? interface : 0, piece: index % 3 == 0 ? 9 : 0)
    }
    return alone + [packets.prefix(16).flatMap { PacketScript.encode($0, interface: interface) }]
  }
}
