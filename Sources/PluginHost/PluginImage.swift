import CNetISRHost
import Glibc
import Synchronization

/// Bytes that were inspected, mapped as code.
///
/// The bytes go into a memory file that is sealed before it is loaded: nobody can change them any more, and what
/// happens to the file on disk (truncated, overwritten) can't reach the running code. The dynamic linker knows images by
/// name, by device and inode: a path that was used before could give back an old image, so each load spells the
/// path of its memory file in a way never used before.
@safe
final class PluginImage: @unchecked Sendable {
  /// "netisr:ip#3@17": as /proc/self/maps shows it; the last number is unique in the process.
  let name: String
  /// The GNU build-id of what is mapped, in hexadecimal.
  let buildID: String?
  // Open from init until `close` returns true, and then never used.
  private let handle: UnsafeMutableRawPointer

  /// Whether faults in it are told from the host's own.
  let isContained: Bool
  /// First address, and the one behind the last.
  let addresses: Range<UInt>

  /// Bytes of it that were mapped as code at first.
  private let codeSize: UInt
  // What the process did with signals before. From init to deinit; nil without memory.
  private let dispositions: OpaquePointer?

  /// How many images were loaded before.
  private static let serial = Atomic<UInt>(0)

  /// Maps `bytes`, under a name that begins with `netisr:` and `name`; runs their constructors, if inspection let any
  /// pass. Throws the linker's reason.
  init(bytes: [UInt8], name: String) throws(PluginError) {
    let serial = Self.serial.wrappingAdd(1, ordering: .relaxed).newValue
    let name = "netisr:\(name)@\(serial)"
    self.name = name
    let descriptor = try SealedBytes.file(of: bytes, name: name)
    defer { Glibc.close(descriptor) }

    let path = Self.uniquePath(to: descriptor, serial)
    // Before its constructors, if it has any.
    unsafe dispositions = netisr_host_dispositions_note()
    let opened = unsafe name.withCString { name in
      unsafe netisr_host_loading(name)
      defer { netisr_host_loading(nil) }
      return unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL)
    }
    guard let handle = unsafe opened else {
      unsafe netisr_host_dispositions_free(dispositions)
      throw unsafe PluginError(name, [dlerror().map { unsafe String(cString: $0) } ?? "dlopen failed"])
    }
    unsafe self.handle = handle
    var image = netisr_host_image()
    let found = unsafe netisr_host_image_of(handle, &image) == 0
    addresses = found ? image.low..<image.high : 0..<0
    isContained = unsafe found && netisr_host_plugin_image_add(image.low, image.high, name) == 0
    codeSize = UInt(image.code)
    let size = Int(image.build_id_size)
    buildID =
      found && size > 0
      ? unsafe withUnsafeBytes(of: image.build_id) { unsafe $0.prefix(size).map(Self.hex).joined() } : nil
  }

  /// The address of an exported symbol.
  func symbol(_ symbol: String) -> UnsafeMutableRawPointer? {
    unsafe dlsym(handle, symbol)
  }

  /// Where an address is: `input+0x1c (image+0x4a0)`, by the nearest exported function before it, and by its offset in
  /// `image`, if it lies in there.
  static func place(of address: UInt, in image: PluginImage?) -> String {
    let offset =
      if let image, image.addresses.contains(address) {
        "image+0x" + String(address &- image.addresses.lowerBound, radix: 16)
      } else {
        "0x" + String(address, radix: 16)
      }
    var start: UInt = 0
    guard let name = unsafe netisr_host_symbol_of(address, &start) else { return offset }
    return unsafe "\(String(cString: name))+0x\(String(address &- start, radix: 16)) (\(offset))"
  }

  deinit {
    unsafe netisr_host_dispositions_free(dispositions)
  }

  /// Puts right what its code has done to the process's signals since it was loaded: their names. [control]
  func restoreSignals() -> [String] {
    guard let dispositions = unsafe dispositions else { return [] }
    let changed = unsafe netisr_host_dispositions_restore(dispositions, addresses.lowerBound, addresses.upperBound)
    return (1..<64).filter { changed & (1 << UInt64($0)) != 0 }.map {
      unsafe String(cString: netisr_host_signal_name(Int32($0)))
    }
  }

  /// Whether all of its code is still mapped as it was: what is not can't be given to the dynamic linker, which runs it
  /// once more.
  var isWhole: Bool { ProcessMaps.codeSize(of: name) == codeSize }

  /// Puts code that returns into the holes of an image whose code has unmapped itself.
  func fillHoles() {
    if !isWhole { netisr_host_image_fill(addresses.lowerBound, addresses.upperBound) }
  }

  /// Whether any of it is still there. Something else may have been mapped in its place meanwhile: only then it pays to
  /// ask for the name, which takes a line of each mapping of the process.
  private var isMapped: Bool {
    (addresses.isEmpty || netisr_host_is_mapped(addresses.lowerBound, addresses.upperBound) != 0)
      && ProcessMaps.contains(name)
  }

  /// Unmaps the image, and looks whether it is gone. False when the linker kept it, for a reason that inspection
  /// did not see; it stays mapped then.
  func close() -> Bool {
    // Before its addresses are free: they may be another image's at once.
    netisr_host_plugin_image_remove(addresses.lowerBound)
    if unsafe dlclose(handle) == 0 && !isMapped { return true }
    unsafe _ = netisr_host_plugin_image_add(addresses.lowerBound, addresses.upperBound, name)
    return false
  }

  /// `/proc/self/fd/N`, with the serial number written into the separators: a "/" more is 1, a "./" more is 0.
  private static func uniquePath(to descriptor: Int32, _ serial: UInt) -> String {
    var number = serial
    var path = "/proc/self/fd/"
    while number != 0 {
      path += number & 1 == 1 ? "/" : "./"
      number >>= 1
    }
    return path + "\(descriptor)"
  }

  private static func hex(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}
