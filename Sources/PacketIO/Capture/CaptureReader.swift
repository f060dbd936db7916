import CLibPcap

#if canImport(Glibc)
  import Glibc
#endif

// Safe: `handle` and `file` are private, valid from init to deinit, and nobody else has them.

/// Reads the frames of one capture file, pcap or pcapng, of any byte order and time resolution (libpcap).
///
/// One thread at a time.
@safe
public struct CaptureReader: ~Copyable {
  /// The file as the user named it.
  public let path: String
  /// What the frames begin with.
  public let linkType: LinkType
  /// Frames read so far.
  public private(set) var packets = 0
  /// Bytes of the file, or 0 when it has no size (a pipe).
  public let fileSize: Int

  private let handle: OpaquePointer
  private let file: UnsafeMutablePointer<FILE>

  /// Opens the file and reads its header.
  public init(path: String) throws(CaptureError) {
    self.path = path
    // "e": not inherited over exec.
    guard let file = unsafe fopen(path, "re") else {
      throw CaptureError(.cannotOpen, path: path, reason: unsafe String(cString: strerror(errno)))
    }
    var reason = ""
    let opened = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PCAP_ERRBUF_SIZE)) {
      text -> OpaquePointer? in
      unsafe text.initialize(repeating: 0)
      // libpcap writes a terminated text of at most PCAP_ERRBUF_SIZE bytes there when it answers NULL.
      let opened = unsafe pcap_fopen_offline_with_tstamp_precision(
        file, UInt32(PCAP_TSTAMP_PRECISION_NANO), text.baseAddress)
      if unsafe opened == nil { reason = unsafe String(cString: text.baseAddress!) }
      return unsafe opened
    }
    guard let handle = unsafe opened else {
      // libpcap leaves the file to the caller when it can't open it.
      unsafe fclose(file)
      throw CaptureError(.notACapture, path: path, reason: reason)
    }
    let number = unsafe pcap_datalink(handle)
    guard let linkType = LinkType(number: number) else {
      unsafe pcap_close(handle)
      throw CaptureError(
        .unsupportedLinkType(number: number), path: path, reason: LinkType.describe(number: number))
    }
    self.linkType = linkType
    self.fileSize = unsafe Self.size(of: file)
    unsafe self.handle = handle
    unsafe self.file = file
  }

  // pcap_close() closes the file, too.
  deinit { unsafe pcap_close(handle) }

  /// Reads the next frame and calls `body` with it.
  ///
  /// - Parameter body: gets the captured bytes, which live only during the call, and what the capture says of them.
  /// - Returns: what `body` returned, or nil at the end of the file.
  /// - Throws: `CaptureError.Kind.damaged`.  Every later call throws the same or answers nil.
  public mutating func next<Result>(
    _ body: (RawSpan, CapturedFrame) -> Result
  ) throws(CaptureError) -> Result? {
    var header: UnsafeMutablePointer<pcap_pkthdr>?
    var data: UnsafePointer<UInt8>?
    switch unsafe pcap_next_ex(handle, &header, &data) {
    case 1:
      packets += 1
      // Answer 1 sets both; they stay valid until the next call with this handle, which `body` can't make.
      let record = unsafe header!.pointee
      let bytes = unsafe UnsafeRawBufferPointer(start: data, count: Int(record.caplen))
      return body(unsafe bytes.bytes, CapturedFrame(record, number: packets))
    case PCAP_ERROR_BREAK:
      return nil
    default:
      throw CaptureError(
        .damaged, path: path, packets: packets, reason: unsafe String(cString: pcap_geterr(handle)))
    }
  }

  /// How many bytes of the file were taken, read-ahead included, for a display of progress.
  public var fileOffset: Int { max(unsafe ftell(file), 0) }

  private static func size(of file: UnsafeMutablePointer<FILE>) -> Int {
    var status = stat()
    return unsafe fstat(fileno(file), &status) == 0 ? Int(status.st_size) : 0
  }
}
