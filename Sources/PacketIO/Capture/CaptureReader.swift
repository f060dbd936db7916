import CLibPcap

#if canImport(Glibc)
  import Glibc
#endif

// Safe: `handle` and `file` are private, valid from init to deinit, and nobody else has them.

/// Reads the frames of one capture file, pcap or pcapng, of any byte order and time resolution.
///
/// libpcap opens it and judges its header. Where all is plain, `PlainRecords` reads the frames; libpcap reads all else.
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
  /// nil when libpcap reads all.
  private var records: PlainRecords?
  /// libpcap would go on behind what it found damaged.
  private var damage: CaptureError?

  /// Opens the file and reads its header.
  public init(path: String) throws(CaptureError) {
    try self.init(path: path, byLibpcapAlone: false)
  }

  /// - Parameter byLibpcapAlone: to compare the two ways of reading.
  package init(path: String, byLibpcapAlone: Bool) throws(CaptureError) {
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
    records = unsafe byLibpcapAlone ? nil : PlainRecords.of(handle, descriptor: fileno(file))
  }

  // pcap_close() closes the file, too.
  deinit { unsafe pcap_close(handle) }

  /// Reads the next frame and calls `body` with it.
  ///
  /// - Parameter body: gets the captured bytes, which live only during the call, and what the capture says of them.
  /// - Returns: what `body` returned, or nil at the end of the file.
  /// - Throws: `CaptureError.Kind.damaged`.  Every later call throws the same.
  @inline(__always)
  public mutating func next<Result>(
    _ body: (RawSpan, CapturedFrame) -> Result
  ) throws(CaptureError) -> Result? {
    if let record = unsafe records?.next() {
      packets &+= 1
      let frame = unsafe CapturedFrame(
        number: packets, wireLength: Int(record.wireLength), timestamp: record.timestamp)
      return body(unsafe record.bytes.bytes, frame)
    }
    return try nextByLibpcap(body)
  }

  private mutating func nextByLibpcap<Result>(
    _ body: (RawSpan, CapturedFrame) -> Result
  ) throws(CaptureError) -> Result? {
    if let damage { throw damage }
    if let offset = records?.offset, unsafe fseeko(file, off_t(offset), SEEK_SET) != 0 {
      throw fail(unsafe String(cString: strerror(errno)))
    }
    var header: UnsafeMutablePointer<pcap_pkthdr>?
    var data: UnsafePointer<UInt8>?
    switch unsafe pcap_next_ex(handle, &header, &data) {
    case 1:
      packets += 1
      unsafe records?.move(to: Int(ftello(file)))
      // Answer 1 sets both; they stay valid until the next call with this handle, which `body` can't make.
      let record = unsafe header!.pointee
      let bytes = unsafe UnsafeRawBufferPointer(start: data, count: Int(record.caplen))
      return body(unsafe bytes.bytes, CapturedFrame(record, number: packets))
    case PCAP_ERROR_BREAK:
      return nil
    default:
      throw fail(unsafe String(cString: pcap_geterr(handle)))
    }
  }

  private mutating func fail(_ reason: String) -> CaptureError {
    let error = CaptureError(.damaged, path: path, packets: packets, reason: reason)
    damage = error
    return error
  }

  /// How many bytes of the file were taken, for a display of progress; read-ahead included where libpcap reads.
  public var fileOffset: Int {
    switch records {
    case .some(let records): records.offset
    case nil: unsafe max(ftell(file), 0)
    }
  }

  private static func size(of file: UnsafeMutablePointer<FILE>) -> Int {
    var status = stat()
    return unsafe fstat(fileno(file), &status) == 0 ? Int(status.st_size) : 0
  }
}
