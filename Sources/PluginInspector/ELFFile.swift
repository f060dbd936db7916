import CLibELF
import Glibc

/// Bytes of a 64-bit file in this machine's byte order, read through libelf.
///
/// This is the only place that touches the bytes through pointers. Everything handed out is a copy, and everything asked
/// for is checked against the file's size first: an answer is `nil` rather than a byte too far.
///
/// Safe because `init` is given bytes that outlive the instance, and no other member takes or gives an address.
@safe final class ELFFile {
  private let bytes: UnsafeRawBufferPointer
  private let elf: OpaquePointer
  let header: Elf64_Ehdr

  private static let libraryVersion = elf_version(UInt32(EV_CURRENT))

  /// Fails if libelf does not take the bytes for a 64-bit ELF file. `bytes` must outlive the instance.
  init?(_ bytes: UnsafeRawBufferPointer) {
    _ = Self.libraryVersion
    guard let base = bytes.baseAddress else { return nil }
    // libelf asks for mutable bytes because it can also write files; it reads a memory image in place.
    let image = unsafe UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: CChar.self)
    guard let elf = unsafe elf_memory(image, bytes.count) else { return nil }
    var header = Elf64_Ehdr()
    guard unsafe gelf_getclass(elf) == ELFCLASS64, unsafe gelf_getehdr(elf, &header) != nil else {
      _ = unsafe elf_end(elf)
      return nil
    }
    unsafe self.bytes = bytes
    unsafe self.elf = elf
    self.header = header
  }

  deinit { _ = unsafe elf_end(elf) }

  var size: UInt64 { UInt64(unsafe bytes.count) }

  /// Whether `count` bytes at `offset` lie in the file.
  func contains(_ offset: UInt64, _ count: UInt64) -> Bool {
    offset <= size && count <= size - offset
  }

  /// A copy of `count` records at `offset`, which libelf calls `kind`.
  func records<Record: BitwiseCopyable>(
    _ type: Record.Type, _ kind: Elf_Type, at offset: UInt64, count: UInt64
  ) -> [Record]? {
    let (length, overflow) = count.multipliedReportingOverflow(by: UInt64(MemoryLayout<Record>.size))
    guard !overflow, contains(offset, length) else { return nil }
    guard length > 0 else { return [] }
    guard let data = unsafe elf_getdata_rawchunk(elf, Int64(offset), Int(length), kind),
      let source = unsafe data.pointee.d_buf, unsafe data.pointee.d_size == Int(length)
    else { return nil }
    return unsafe Array(unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
      unsafe memcpy(buffer.baseAddress!, source, Int(length))
      initialized = Int(count)
    }
  }

  /// A copy of `count` bytes at `offset`.
  func copy(at offset: UInt64, count: UInt64) -> [UInt8]? {
    guard contains(offset, count) else { return nil }
    return unsafe Array(bytes[Int(offset)..<Int(offset + count)])
  }

  /// A number at `offset`, which need not be aligned.
  func load<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at offset: UInt64) -> Number? {
    guard contains(offset, UInt64(MemoryLayout<Number>.size)) else { return nil }
    return unsafe bytes.loadUnaligned(fromByteOffset: Int(offset), as: type)
  }

  /// The string at `offset` and before `limit`; `nil` if it does not end there.
  func string(at offset: UInt64, before limit: UInt64) -> String? {
    guard offset < limit, limit <= size else { return nil }
    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<Int(limit)])
    guard let base = rest.baseAddress, let end = unsafe memchr(base, 0, rest.count) else { return nil }
    return unsafe String(decoding: rest[..<(UnsafeRawPointer(end) - base)], as: UTF8.self)
  }

  /// The notes in `count` bytes at `offset`, laid out with `alignment` 4 or 8, and whether they fill the range.
  func notes(at offset: UInt64, count: UInt64, alignment: UInt64) -> (notes: [ELFNote], isComplete: Bool)? {
    guard contains(offset, count), count > 0,
      let data = unsafe elf_getdata_rawchunk(
        elf, Int64(offset), Int(count), alignment == 8 ? ELF_T_NHDR8 : ELF_T_NHDR)
    else { return nil }
    var notes: [ELFNote] = []
    var position = 0
    while position < Int(count) {
      var header = Elf64_Nhdr()
      var name = 0
      var descriptor = 0
      let next = unsafe gelf_getnote(data, position, &header, &name, &descriptor)
      guard next > position else { break }
      guard let nameBytes = copy(at: offset + UInt64(name), count: UInt64(header.n_namesz)),
        let content = copy(at: offset + UInt64(descriptor), count: UInt64(header.n_descsz))
      else { break }
      notes.append(
        ELFNote(type: header.n_type, name: nameBytes, content: content, offset: offset + UInt64(position)))
      position = next
    }
    // A sanitizer pads what it watches with zeros, the note too: zeros at the end are no note cut short.
    let done = min(UInt64(position), count)
    let rest = copy(at: offset + done, count: count - done) ?? []
    return (notes, rest.allSatisfy { $0 == 0 })
  }
}
