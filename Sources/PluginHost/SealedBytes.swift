import CNetISRHost
import Glibc
import PluginInspector

/// Bytes as a file in memory that nobody can change any more.
package enum SealedBytes {
  /// A descriptor of a new one, which is the caller's. Throws under that name, which /proc/self/maps shows where it is
  /// mapped.
  package static func file(of bytes: [UInt8], name: String) throws(PluginError) -> Int32 {
    let descriptor = unsafe netisr_host_memfd(name)
    guard descriptor >= 0 else {
      throw unsafe PluginError(name, ["memfd_create: \(String(cString: strerror(-descriptor)))"])
    }
    do throws(PluginError) {
      var written = 0
      while written < bytes.count {
        let put = unsafe bytes.withUnsafeBytes {
          unsafe write(descriptor, $0.baseAddress! + written, bytes.count - written)
        }
        if put < 0 && errno == EINTR { continue }
        guard put > 0 else { throw unsafe PluginError(name, ["memory file: \(String(cString: strerror(errno)))"]) }
        written += put
      }
      let error = netisr_host_memfd_seal(descriptor)
      guard error == 0 else { throw unsafe PluginError(name, ["seal: \(String(cString: strerror(error)))"]) }
      try check(descriptor, bytes, name)
    } catch {
      close(descriptor)
      throw error
    }
    return descriptor
  }

  /// Throws unless a sealed file has just these bytes. Until the seal, whoever may look into /proc/PID/fd could write it.
  private static func check(_ descriptor: Int32, _ bytes: [UInt8], _ name: String) throws(PluginError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw unsafe PluginError(name, ["memory file: \(String(cString: strerror(errno)))"])
    }
    guard Int(status.st_size) == bytes.count else {
      throw PluginError(name, ["sealed bytes: inspected \(bytes.count) bytes, sealed \(status.st_size)"])
    }
    // Nothing is no mapping.
    if bytes.isEmpty { return }
    let map = unsafe mmap(nil, bytes.count, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard unsafe map != MAP_FAILED, let map = unsafe map else {
      throw unsafe PluginError(name, ["memory file: \(String(cString: strerror(errno)))"])
    }
    defer { unsafe munmap(map, bytes.count) }
    // The mapping has the size that was asked for just above, and a sealed file does not shrink.
    guard unsafe memcmp(map, bytes, bytes.count) == 0 else {
      let sealed = unsafe SHA256.hexDigest(of: UnsafeRawBufferPointer(start: map, count: bytes.count))
      throw PluginError(name, ["sealed bytes: inspected \(SHA256.hexDigest(of: bytes)), sealed \(sealed)"])
    }
  }
}
