import CLibPcap

/// What a capture says of one frame, beside its bytes.
public struct CapturedFrame: Hashable, Sendable {
  /// Its place in the file, from 1.
  public var number: Int
  /// Bytes of the frame on the wire, link header included.  Any value may stand there.
  public var wireLength: Int
  /// Nanoseconds since the epoch; the largest value when the file's time is later than that.
  public var timestamp: UInt64

  @inline(__always)
  init(number: Int, wireLength: Int, timestamp: UInt64) {
    self.number = number
    self.wireLength = wireLength
    self.timestamp = timestamp
  }

  init(_ record: pcap_pkthdr, number: Int) {
    self.number = number
    wireLength = Int(record.len)
    // Files of the classic form have unsigned 32-bit fields, which libpcap sign-extends.
    let seconds =
      record.ts.tv_sec < 0 ? UInt64(UInt32(truncatingIfNeeded: record.ts.tv_sec)) : UInt64(record.ts.tv_sec)
    let fraction = UInt64(UInt32(truncatingIfNeeded: record.ts.tv_usec))
    timestamp = seconds.saturatingMultiply(1_000_000_000).saturatingAdd(fraction)
  }
}

extension UInt64 {
  /// The sum, or the largest value.
  func saturatingAdd(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }

  /// The product, or the largest value.
  func saturatingMultiply(_ other: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
