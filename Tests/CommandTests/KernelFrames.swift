import Foundation
import TestSupport

/// Whole frames, sent by a device of the kernel's inside of a namespace as they are.
final class KernelFrames {
  private let descriptor: Int32
  private var address: [UInt8]

  init(in namespace: NetworkNamespace, device: String) throws {
    (descriptor, address) = try namespace.inside {
      // struct sockaddr_ll of packet(7): family, protocol, index, and what sending does not need.
      let index = if_nametoindex(device)
      var address = [UInt8](repeating: 0, count: 20)
      address.withUnsafeMutableBytes {
        $0.storeBytes(of: UInt16(AF_PACKET), as: UInt16.self)
        $0.storeBytes(of: Int32(index), toByteOffset: 4, as: Int32.self)
      }
      return (socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0), address)
    }
    guard descriptor >= 0 else { throw Surprise(description: "packet socket: errno \(errno)") }
  }

  deinit { close(descriptor) }

  func send(_ frame: [UInt8]) throws {
    let sent = address.withUnsafeBytes {
      sendto(descriptor, frame, frame.count, 0, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, 20)
    }
    guard sent == frame.count else { throw Surprise(description: "sendto: errno \(errno)") }
  }

  /// A UDP datagram from 10.9.0.1 port 9 to 10.9.0.2 port 7 behind a tag, or what the reflector makes of it.
  static func udp(tag: (type: UInt16, value: UInt16), isAnswer: Bool = false) -> [UInt8] {
    let (here, there): ([UInt8], [UInt8]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
    func pair<T>(_ a: [T], _ b: [T]) -> [T] { isAnswer ? b + a : a + b }
    var frame = pair(there, here)
    for word in [tag.type, tag.value, 0x0800] { frame += [UInt8(word >> 8), UInt8(word & 0xff)] }
    // Version 4, 5 words, 46 bytes, UDP, and a header checksum that both directions have.
    frame += [0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0x26, 0xab]
    frame += pair([10, 9, 0, 1], [10, 9, 0, 2])
    frame += pair([0, 9], [0, 7]) + [0, 26, 0, 0]
    return frame + (0..<18).map { UInt8($0) }
  }
}
