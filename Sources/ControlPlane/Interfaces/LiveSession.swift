import CNetISR
import NetISR
import PacketIO

/// A device while it is open, with the threads that receive from it.
final class LiveSession {
  let device: LiveDevice
  let linkType: LinkType
  private let threads: [ReceiveThread]
  private var isReceiving = true

  init(
    _ device: LiveDevice, name: String, interface: UnsafeMutablePointer<ifnet>, engine: Engine, admission: Admission,
    cpus: () -> UInt32
  ) {
    self.device = device
    // What has none is never opened.
    linkType = device.link.linkType ?? .en10MB
    threads = (0..<device.queueCount).map { queue in
      unsafe ReceiveThread(
        device.receiver(queue: queue, interface: interface, sink: EngineSink(settle: nil)),
        name: device.queueCount == 1 ? name : "\(name)/\(queue)", engine: engine, cpu: cpus(), admission: admission)
    }
  }

  /// What came in.
  var statistics: InterfaceStatistics {
    var sum = InterfaceStatistics()
    for thread in threads { sum.add(thread.meter.statistics) }
    return sum
  }

  /// Ends the threads; every packet that was taken is with the engine when this returns.
  func stop() {
    guard isReceiving else { return }
    isReceiving = false
    for thread in threads { thread.stop() }
  }
}
