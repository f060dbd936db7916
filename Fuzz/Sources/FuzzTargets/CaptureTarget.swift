import PacketIO

/// The readers of captures: a file's bytes. Ours and libpcap's have to read the same frames out of it.
final class CaptureTarget: FuzzTarget {
  /// What was read.
  private struct Reading: Equatable {
    var frames: [CapturedFrame] = []
    var bytes: [[UInt8]] = []
    var isDamaged = false
  }

  /// More frames show nothing new.
  private static let limit = 4096

  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    try FileBytes.withFile(input) { path throws(FuzzFinding) in
      let ours = try Self.read(path, byLibpcapAlone: false)
      let theirs = try Self.read(path, byLibpcapAlone: true)
      if ours != theirs {
        throw FuzzFinding(
          "read \(ours?.frames.count ?? -1) frames, libpcap \(theirs?.frames.count ?? -1); "
            + "damaged \(ours?.isDamaged ?? true), libpcap \(theirs?.isDamaged ?? true)")
      }
    }
  }

  /// nil: it is no capture.
  private static func read(_ path: String, byLibpcapAlone: Bool) throws(FuzzFinding) -> Reading? {
    var reader: CaptureReader
    do throws(CaptureError) {
      reader = try CaptureReader(path: path, byLibpcapAlone: byLibpcapAlone)
    } catch {
      return nil
    }
    let linkType = reader.linkType
    var reading = Reading()
    do throws(CaptureError) {
      var isOver = false
      while !isOver, reading.frames.count < limit {
        let frame: ([UInt8], CapturedFrame)? = try reader.next { bytes, frame in
          ((0..<bytes.byteCount).map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }, frame)
        }
        if let frame {
          reading.bytes.append(frame.0)
          reading.frames.append(frame.1)
        }
        isOver = frame == nil
      }
    } catch {
      reading.isDamaged = true
    }
    for (bytes, frame) in zip(reading.bytes, reading.frames) {
      try unsafe LinkTarget.check(bytes.span.bytes, wireLength: frame.wireLength, linkType)
    }
    return reading
  }
}
