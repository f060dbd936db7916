import CLibPcap
import Glibc

/// Writes capture files, by libpcap.
public enum CaptureWriter {
  /// What a frame begins with.
  public enum LinkType: Int32, Sendable {
    /// LINKTYPE_ETHERNET
    case ethernet = 1
    /// LINKTYPE_USER0: whatever writer and reader agree on.
    case user0 = 147
    /// LINKTYPE_IPV4
    case ipv4 = 228
    /// LINKTYPE_IPV6
    case ipv6 = 229
  }

  /// Writes a pcap file of one frame.
  ///
  /// - Parameters:
  ///   - frame: what there is of it.
  ///   - originalLength: its bytes on the wire.
  ///   - nanoseconds: when it came, since 1970.
  public static func write(
    _ frame: [UInt8], originalLength: Int, nanoseconds: UInt64, linkType: LinkType, to path: String
  ) throws(CaptureError) {
    guard
      let capture = unsafe pcap_open_dead_with_tstamp_precision(
        linkType.rawValue, 65535, UInt32(PCAP_TSTAMP_PRECISION_NANO))
    else { throw CaptureError(.cannotOpen, path: path, reason: "no memory") }
    defer { unsafe pcap_close(capture) }
    guard let dumper = unsafe pcap_dump_open(capture, path) else {
      // libpcap's own words begin with the path, which ours have already.
      throw CaptureError(.cannotOpen, path: path, reason: unsafe String(cString: strerror(errno)))
    }
    defer { unsafe pcap_dump_close(dumper) }
    var header = pcap_pkthdr()
    header.ts = timeval(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_usec: Int(nanoseconds % 1_000_000_000))
    header.caplen = UInt32(frame.count)
    header.len = UInt32(max(originalLength, frame.count))
    // libpcap's own way to hand over the file.
    unsafe pcap_dump(UnsafeMutablePointer<UInt8>(dumper), &header, frame)
    guard unsafe pcap_dump_flush(dumper) == 0 else {
      throw CaptureError(.cannotOpen, path: path, reason: unsafe String(cString: strerror(errno)))
    }
  }
}
