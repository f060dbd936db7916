import CNetISR
import NetISR
import PacketIO
import Synchronization

/// A capture as an interface of an engine: what its frames hold is dispatched as live traffic would be.
///
/// Polled by one thread at a time, which is attached to the engine; the summary is for any thread.
@safe
public final class CaptureFeed: @unchecked Sendable {
  /// The most packets that are sent between two looks at the queues, which lock each of them.
  static let burst = 256
  /// What a step came to.
  enum Step {
    /// There is more to send.
    case sent
    /// The queues are full at the moment.
    case noRoom
    /// The pace asks for this many nanoseconds of waiting.
    case wait(UInt64)
    /// There is nothing more.
    case ended
  }

  let name: String
  private let engine: Engine
  private let capture: CaptureInterface
  // They live as long as the engine: the capture's own, and the ends of its pair.
  private let interfaces: [UnsafeMutablePointer<ifnet>]
  private let state = Mutex("running")
  private var denied: UInt64 = 0
  /// What was granted for the burst that is under way.
  private var grant = 0

  /// Opens the file and makes its interface.
  ///
  /// - Parameter settle: see `EngineSink`.
  init(
    _ spec: CaptureSpec, name: String, engine: Engine, settle: (() -> Void)? = nil
  ) throws(ControlError) {
    try VnetRange.check(spec.vnet, of: spec.path)
    let reader: CaptureReader
    do throws(CaptureError) {
      reader = try CaptureReader(path: spec.path)
    } catch {
      throw ControlError(.failed, error.description)
    }
    let traits = InterfaceTraits(reader.linkType)
    guard
      let interface = unsafe engine.interfaces.make(
        name: name, type: Int32(traits.type), vnet: spec.vnet, flags: traits.flags, mtu: traits.mtu, ownClock: true)
    else {
      throw ControlError(.failed, "\(spec.path): all \(InterfaceRegistry.limit) interfaces are in use")
    }
    let pair =
      spec.isPaired
      ? unsafe InterfacePair(name: name + "pair", on: engine, vnets: (spec.vnet, spec.vnet), model: interface) : nil
    if spec.isPaired && pair == nil {
      throw ControlError(.failed, "\(spec.path): all \(InterfaceRegistry.limit) interfaces are in use")
    }
    self.name = name
    self.engine = engine
    unsafe interfaces = unsafe [interface] + (pair.map { unsafe [$0.ends.a, $0.ends.b] } ?? [])
    capture = unsafe CaptureInterface(
      spec, reader: reader, interface: interface, sink: EngineSink(settle: settle, pair: pair))
  }

  /// Sends one burst, at most what `admission` grants if there is one.
  ///
  /// - Parameter now: nanoseconds of a steady clock.
  /// - Throws: the capture is damaged; what came before was sent.
  func step(now: UInt64, admission: Admission?) throws(ControlError) -> Step {
    grant = admission?.take(upTo: Self.burst) ?? Self.burst
    guard grant > 0 else { return .noRoom }
    defer { finish(admission) }
    do throws(CaptureError) {
      switch try capture.poll(now: now, limit: grant) {
      case .more: return .sent
      case .wait(let nanoseconds): return .wait(nanoseconds)
      case .ended:
        state.withLock { $0 = "ended" }
        return .ended
      }
    } catch {
      state.withLock { $0 = error.description }
      throw ControlError(.failed, error.description)
    }
  }

  /// Ends the burst in whose middle a thread was lost, whose place the calling thread takes.
  func resume(admission: Admission?) {
    capture.resume()
    finish(admission)
  }

  private func finish(_ admission: Admission?) {
    admission?.finish(grant)
    grant = 0
    // Enters into the engine's balance the frames for which there was no mbuf.
    let now = capture.meter.statistics.noBuffers
    if now != denied { engine.countInputFailure(proto: 0, frames: Int(now - denied)) }
    denied = now
  }

  /// Bytes read of the present pass, and of the whole file (0: unknown).
  var progress: (offset: Int, size: Int) { capture.fileProgress }

  /// Where it stands. [any thread]
  var summary: InterfaceSummary {
    InterfaceSummary(
      name: name, file: capture.spec.path, vnet: capture.spec.vnet, linkType: capture.linkType,
      state: state.withLock { $0 }, capture.meter.statistics)
  }

  /// Takes its interfaces away. Nobody polls any more.
  func withdraw() {
    for index in unsafe interfaces.indices { unsafe engine.interfaces.withdraw(interfaces[index]) }
  }
}
