import CNetISR
import Logging
import NetISR
import PacketIO
import Synchronization

/// A device of the kernel as an interface of the host: opened, watched, lost and found again.
///
/// One thread follows what the kernel says about its links; one for each queue receives. When the device goes, the
/// interface stays, with the same index, and takes the device up again when one of that name is back.
@safe
final class LiveInterface: HostedInterface, @unchecked Sendable {
  let name: String
  let spec: String
  private let live: LiveSpec
  private let engine: Engine
  private let admission: Admission
  private let privileges: PrivilegedThread?
  private let cpus: @Sendable () -> UInt32
  private let logger: Logger
  private let interface: UnsafeMutablePointer<ifnet>
  private let transmitter: Transmitter
  private let waker: Waker
  private let stopping = Atomic(false)
  private var thread: NetISR.Thread?

  private let lock = Lock()
  // Under the lock.
  private var session: LiveSession?
  private var state = State.waiting
  private var reason = ""
  /// Of sessions that are over.
  private var past = InterfaceStatistics()
  private var kernelDrops: UInt64 = 0

  private enum State: String {
    case up, down, waiting, gone
  }

  /// Makes the interface, without opening the device.
  init(
    _ live: LiveSpec, spec: String, engine: Engine, admission: Admission, privileges: PrivilegedThread?,
    cpus: @escaping @Sendable () -> UInt32, logger: Logger
  ) throws(ControlError) {
    try VnetRange.check(live.vnet, of: spec)
    let waker = Waker()
    let transmitter = Transmitter { waker.wake() }
    guard
      let interface = unsafe engine.interfaces.make(
        name: live.device, type: IFT_ETHER, vnet: live.vnet, flags: live.isMonitor ? IFNET_MONITOR : 0,
        isHidden: true, output: transmitter)
    else {
      throw ControlError(.failed, "\(spec): all \(InterfaceRegistry.limit) interfaces are in use")
    }
    unsafe DeviceLink.setUp(false, interface)
    unsafe PacketIO.InterfaceAddress.write(live.addresses, to: interface)
    unsafe engine.interfaces.publish(interface)
    name = live.device
    self.live = live
    self.spec = spec
    self.engine = engine
    self.admission = admission
    self.privileges = privileges
    self.cpus = cpus
    self.logger = logger
    self.waker = waker
    self.transmitter = transmitter
    unsafe self.interface = unsafe interface
  }

  /// Opens the device, and follows it from then on.
  ///
  /// - Parameter isPatient: a device that can't be opened yet is waited for; else that is thrown, and the interface is
  ///   withdrawn.
  func start(isPatient: Bool) throws(ControlError) {
    // Before the first look at the device, so that no change is missed.
    let watch: LinkWatch
    do throws(LiveError) {
      watch = try LinkWatch()
      do throws(LiveError) {
        try open()
      } catch {
        guard isPatient else { throw error }
        wait(for: error)
      }
    } catch {
      unsafe engine.interfaces.withdraw(interface)
      throw ControlError(error.kind == .noDevice ? .notFound : .failed, error.description)
    }
    thread = NetISR.Thread(name: "netisr/\(name)") { [self] in
      engine.withAttachedThread { follow(watch) }
    }
  }

  func quiesce() {
    stopping.store(true, ordering: .relaxed)
    waker.wake()
    thread?.join()
    thread = nil
    lock.withLock { session }?.stop()
  }

  func stop() {
    engine.withAttachedThread { close() }
    unsafe engine.interfaces.withdraw(interface)
  }

  var summaries: [InterfaceSummary] {
    lock.withLock {
      collectDrops()
      var statistics = past
      if let session { statistics.add(session.statistics) }
      let sent = transmitter.statistics
      var summary = unsafe InterfaceSummary(interface, kind: live.kind.rawValue, spec: spec, state: state.rawValue)
      summary.linktype = session?.linkType.name ?? ""
      summary.reason = reason.isEmpty ? nil : reason
      summary.queues = live.queues
      summary.kernelDropped = kernelDrops
      summary.sent = sent.sent
      summary.sentBytes = sent.sentBytes
      summary.sendDropped = sent.overflowed + sent.refused
      summary.take(statistics)
      return [summary]
    }
  }

  // MARK: Opening and closing

  private func open() throws(LiveError) {
    let device = try privileges.perform { [live] () throws(LiveError) in try LiveDevice.open(live) }
    let address = live.kind == .tap ? Self.distinct(from: device.link.address) : nil
    lock.withLock {
      let type = UInt32(device.link.linkType == .en10MB ? IFT_ETHER : IFT_OTHER)
      // A device that returns is of the type that it was, and packets of its first life may still be looked at.
      if unsafe interface.pointee.if_type != type { unsafe interface.pointee.if_type = type }
      unsafe device.link.write(to: interface, address: address)
    }
    let session = unsafe LiveSession(
      device, name: name, interface: interface, engine: engine, admission: admission, cpus: cpus)
    transmitter.attach(device)
    lock.withLock {
      self.session = session
      state = device.link.isRunning ? .up : .down
      reason = ""
    }
    engine.noteInterfaceChange()
    logger.info(
      "\(name): \(live.kind.rawValue) device \(device.link.index) is \(device.link.isRunning ? "up" : "down")")
  }

  /// Lets go of the device. On a thread that belongs to the engine.
  private func close() {
    let session = lock.withLock { () -> LiveSession? in
      collectDrops()
      return self.session
    }
    guard let session else { return }
    lock.withLock { unsafe DeviceLink.setUp(false, interface) }
    engine.noteInterfaceChange()
    session.stop()
    transmitter.detach()
    lock.withLock {
      past.add(session.statistics)
      self.session = nil
    }
  }

  /// The kernel counts from one look to the next.
  private func collectDrops() {
    if let session { kernelDrops += session.device.takeDrops() }
  }

  /// A tap device has two ends: the kernel has its address, ours is another.
  private static func distinct(from address: [UInt8]) -> [UInt8] {
    var own = address
    guard own.count == 6 else { return own }
    own[5] ^= 1
    return own
  }

  // MARK: Following

  private func wait(for error: LiveError) {
    let isNews = lock.withLock { () -> Bool in
      defer { reason = error.description }
      if state != .gone { state = .waiting }
      return reason != error.description
    }
    if isNews { logger.warning("\(error); waiting for it") }
  }

  private func follow(_ watch: LinkWatch) {
    var patience = Patience()
    while !stopping.load(ordering: .relaxed) {
      let index = lock.withLock { session?.device.link.index }
      var interests = [Readiness.Interest.reading(waker.descriptor), .reading(watch.descriptor)]
      if let blocked = transmitter.blockedDescriptor { interests.append(.writing(blocked)) }
      let ready = Readiness.wait(interests, milliseconds: index == nil ? patience.milliseconds : -1)
      waker.settle()
      if ready.count > 2, ready[2].isReady || ready[2].hasFailed { transmitter.unblock() }
      let news = watch.news(of: name, index: index)
      if index != nil {
        if news != .nothing { look(isGone: news == .gone) }
      } else if news == .changed || !ready.contains(where: \.isReady) {
        if news == .changed { patience.reset() }
        reopen(&patience)
      }
    }
  }

  private func reopen(_ patience: inout Patience) {
    do throws(LiveError) {
      try open()
      patience.reset()
    } catch {
      patience.grow()
      wait(for: error)
    }
  }

  /// The device has changed in some way.
  private func look(isGone: Bool) {
    guard let session = lock.withLock({ session }) else { return }
    guard !isGone, let link = try? DeviceLink.read(name), link.index == session.device.link.index else {
      close()
      lock.withLock {
        state = .gone
        reason = "\(name): the device is gone"
      }
      return logger.warning("\(name): the device is gone; waiting for it")
    }
    let now = link.isRunning ? State.up : .down
    let before = lock.withLock { () -> State in
      unsafe link.write(to: interface, address: live.kind == .tap ? Self.distinct(from: link.address) : nil)
      defer { state = now }
      return state
    }
    engine.noteInterfaceChange()
    if now != before { logger.info("\(name): the link is \(now.rawValue)") }
  }
}

/// How long to wait before the device is tried again, though nobody said that it is back: a right may have come.
private struct Patience {
  private(set) var milliseconds: Int32 = 100

  mutating func grow() { milliseconds = min(milliseconds * 2, 5000) }
  mutating func reset() { milliseconds = 100 }
}
