import CNetISR
import Glibc

/// What two generations must agree on to share a table.
struct TableShape: Hashable, Sendable {
  var kind: UInt32
  var keySize: Int
  var valueSize: Int
  var holdsMbufs: Bool

  /// The shape in a spec; nil when it is wrong.
  init?(_ spec: table_spec) {
    guard unsafe spec.ts_flags & ~TABLE_HOLDS_MBUFS == 0, unsafe spec.ts_spare == 0 else { return nil }
    kind = unsafe spec.ts_kind
    keySize = unsafe Int(spec.ts_keysize)
    valueSize = unsafe Int(spec.ts_valuesize)
    holdsMbufs = unsafe spec.ts_flags & TABLE_HOLDS_MBUFS != 0
    guard (1...Int(TABLE_MAXVALUE)).contains(valueSize) else { return nil }
    switch Int32(bitPattern: kind) {
    case TABLE_HASH:
      guard (1...Int(TABLE_MAXKEY)).contains(keySize) else { return nil }
      guard unsafe !holdsMbufs || valueSize >= MemoryLayout<table_held>.size else { return nil }
    case TABLE_LPM:
      guard keySize == 8 || keySize == 20, !holdsMbufs else { return nil }
    default:
      return nil
    }
  }

  var isHash: Bool { kind == UInt32(TABLE_HASH) }

  /// Whether a reader of `other` can read this: kind and sizes.
  func serves(_ other: TableShape) -> Bool {
    kind == other.kind && keySize == other.keySize && valueSize == other.valueSize
  }

  /// Copies a value out. Packets that an entry owns do not go with the copy: it says how many there are.
  @inline(__always)
  func copyValue(_ value: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
    unsafe memcpy(target, value, valueSize)
    if holdsMbufs {
      // The first field of struct table_held, at any alignment.
      unsafe memset(target, 0, MemoryLayout<UnsafeRawPointer?>.size)
    }
  }
}

/// The struct table_held at the head of a value. Values are aligned to 16.
@inline(__always)
func held(in value: UnsafeMutableRawPointer) -> UnsafeMutablePointer<table_held> {
  unsafe value.assumingMemoryBound(to: table_held.self)
}

extension MbufCache {
  /// Frees all mbufs that can be reached from `chain` by m_next and m_nextpkt, in whatever way they are linked.
  func freeHeld(_ chain: UnsafeMutablePointer<mbuf>?) {
    var packets = unsafe chain
    while let packet = unsafe packets {
      unsafe packets = packet.pointee.m_nextpkt
      var part: UnsafeMutablePointer<mbuf>? = unsafe packet
      while let m = unsafe part {
        if unsafe m != packet, let branch = unsafe m.pointee.m_nextpkt {
          // A queue that hangs on a later part of a packet: put before the rest.
          var last = unsafe branch
          while let next = unsafe last.pointee.m_nextpkt { unsafe last = next }
          unsafe last.pointee.m_nextpkt = packets
          unsafe packets = branch
        }
        unsafe part = free(m)
      }
    }
  }
}
