import Glibc

/// The bytes of a file, read once into memory of our own: a mapped file can change or shrink under its reader.
///
/// Safe because the memory lives and dies with the instance.
@safe struct FileBytes: ~Copyable {
  /// Valid as long as the instance.
  let buffer: UnsafeRawBufferPointer

  /// Reads the first `size` bytes; fails if there are fewer, or on an error, which `errno` then has.
  init?(descriptor: Int32, size: Int) {
    guard size >= 0 else { return nil }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 1), alignment: 16)
    var done = 0
    while done < size {
      let count = unsafe pread(descriptor, memory.baseAddress! + done, size - done, off_t(done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        unsafe memory.deallocate()
        return nil
      }
      done += count
    }
    unsafe buffer = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<size])
  }

  deinit { unsafe buffer.baseAddress?.deallocate() }
}
