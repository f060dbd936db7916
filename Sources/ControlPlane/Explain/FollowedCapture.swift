import CNetISR
import NetISR
import PacketIO

/// A capture as an interface, read a frame at a time.
final class FollowedCapture {
  /// What a frame came to.
  struct Received {
    /// Bytes captured.
    var bytes: UInt64
    /// Why no protocol takes it; nil when one does.
    var refusal: String?
  }

  let name: String
  let index: UInt32
  private let capture: CaptureInterface
  private let follower: FrameFollower

  init(_ file: String, name: String, engine: Engine, _ follower: FrameFollower) throws(ControlError) {
    let reader: CaptureReader
    do throws(CaptureError) {
      reader = try CaptureReader(path: file)
    } catch {
      throw ControlError(.failed, error.description)
    }
    let traits = InterfaceTraits(reader.linkType)
    guard
      let interface = unsafe engine.interfaces.make(
        name: name, type: Int32(traits.type), flags: traits.flags, mtu: traits.mtu, ownClock: true)
    else {
      throw ControlError(.failed, "\(file): all \(InterfaceRegistry.limit) interfaces are in use")
    }
    self.name = name
    self.follower = follower
    index = unsafe interface.pointee.if_index
    capture = unsafe CaptureInterface(CaptureSpec(path: file), reader: reader, interface: interface, sink: follower)
  }

  /// libpcap's name of the link type.
  var linkType: String { capture.linkType.name }

  /// Frames read.
  var frames: UInt64 { capture.meter.statistics.frames }

  /// Sends the next frame into the engine, where the follower sees what becomes of it; nil at the end.
  func next() throws(ControlError) -> Received? {
    let before = capture.meter.statistics
    follower.clear()
    do throws(CaptureError) {
      _ = try capture.poll(now: 0, limit: 1)
    } catch {
      throw ControlError(.failed, error.description)
    }
    let after = capture.meter.statistics
    guard after.frames > before.frames else { return nil }
    var refusal: String?
    if after.tooShort > before.tooShort { refusal = "shorter than its link header" }
    if after.noBuffers > before.noBuffers { refusal = "no memory" }
    for (reason, count) in after.unsupported where count > before.unsupported[reason] ?? 0 {
      refusal = "no protocol takes \(reason)"
    }
    return Received(bytes: after.bytes - before.bytes, refusal: refusal)
  }
}
