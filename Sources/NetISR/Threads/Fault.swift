import CNetISRHost
import Glibc

/// A fault in a plugin's code that was recovered from: a copy of what the signal handler wrote down.
public struct Fault: Error, Sendable {
  /// Nanoseconds since 1970.
  public let time: UInt64
  /// SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT; SIGXCPU for a call that did not return; 0: see `called`.
  public let signal: Int32
  /// `si_code` of sigaction(2).
  public let code: Int32
  /// What was touched; for SIGFPE and SIGILL the instruction, for SIGABRT and SIGXCPU 0.
  public let address: UInt
  /// The instruction.
  public let instruction: UInt
  /// The innermost address in the plugin's image: another one in a library function that it called.
  public let pluginAddress: UInt
  /// The function, with its argument, that would have ended the process or the thread: `exit(3)`.
  public let called: String?
  /// Whether the thread never came back.
  public let isThreadLost: Bool
  /// What was done about a thread that never came back; nil for others.
  public var outcome: String?
  /// Where the packet in flight stood among those of its batch, from 1, and how many these were; nil where there was none.
  public let placeInBatch: (number: Int, count: Int)?
  /// Whether the stack was exhausted.
  public let isStackOverflow: Bool
  /// The kernel's number of the thread.
  public let thread: Int32
  /// The registers, in the order of their listing.
  public let registers: [(name: String, value: UInt)]
  /// Return addresses, the instruction first, up to the host's call.
  public let backtrace: [UInt]
  /// The packet in flight as the plugin left it, or its beginning; empty where there was none or it could not be read.
  public let packet: [UInt8]
  /// Bytes of that packet.
  public let packetLength: Int
  /// Of an mbuf, which is at `address`; nil: a fault of another kind.
  public let misuse: MbufMisuse?
  /// Then: who had it last, or had freed it; nil when that is not known.
  public let lastHolder: MbufHolder?

  init(_ fault: netisr_host_fault) {
    time = unsafe fault.time
    signal = unsafe fault.signal
    code = unsafe fault.code
    address = unsafe fault.address
    instruction = unsafe fault.pc
    pluginAddress = unsafe fault.plugin_pc
    called = unsafe fault.called.map { unsafe "\(String(cString: $0))(\(fault.status))" }
    isThreadLost = unsafe fault.is_lost != 0
    placeInBatch =
      unsafe fault.batch_count == 0 ? nil : (Int(fault.batch_index) + 1, Int(fault.batch_count))
    isStackOverflow = unsafe fault.is_overflow != 0
    thread = unsafe fault.thread
    var fault = unsafe fault
    registers = unsafe withUnsafeBytes(of: &fault.registers) { bytes in
      let words = unsafe bytes.bindMemory(to: UInt.self)
      return words.indices.map { index in
        let name = unsafe netisr_host_register_name(UInt32(index)).map { unsafe String(cString: $0) }
        return (name ?? "?", unsafe words[index])
      }
    }
    backtrace = unsafe withUnsafeBytes(of: &fault.frames) { [count = Int(fault.frame_count)] in
      unsafe Array($0.bindMemory(to: UInt.self).prefix(count))
    }
    packet = unsafe withUnsafeBytes(of: &fault.packet) { [count = Int(fault.captured)] in
      unsafe Array($0.prefix(count))
    }
    packetLength = unsafe Int(fault.packet_length)
    misuse = unsafe MbufMisuse(rawValue: fault.misuse)
    lastHolder = unsafe fault.mark == 0 ? nil : MbufHolder(mark: fault.mark)
  }

  /// Takes up the fault that the calling thread has just recovered from.
  static func take() -> Fault { unsafe Fault(netisr_host_fault_take().pointee) }

  /// `SIGSEGV`, ...
  public var signalName: String {
    switch signal {
    case SIGSEGV: "SIGSEGV"
    case SIGBUS: "SIGBUS"
    case SIGFPE: "SIGFPE"
    case SIGILL: "SIGILL"
    case SIGABRT: "SIGABRT"
    case SIGXCPU: "SIGXCPU"
    case 0: "none"
    default: "signal \(signal)"
    }
  }

  /// What happened, in a few words: `SIGSEGV at 0x10`, `stack overflow`.
  public var summary: String {
    if isStackOverflow { return "stack overflow" }
    if let called { return "called \(called)" }
    if isThreadLost { return "never returned" }
    let place = "0x" + String(address, radix: 16)
    switch misuse {
    case .doubleFree: return "double free of the mbuf at \(place)"
    case .foreignFree: return "free of \(place), which is no mbuf of the host"
    case .lateWrite: return "write to \(place), in an mbuf that was free"
    case .lateUse: return "the mbuf at \(place) was handed on after it was freed"
    case nil: break
    }
    return switch signal {
    case SIGSEGV, SIGBUS: "\(signalName) at \(place)"
    case SIGXCPU: "did not return"
    default: signalName
    }
  }

  /// Has faults of plugins caught in this process from now on. Throws an errno value, with its reason.
  public static func startContainment() throws(EngineError) {
    let error = netisr_host_faults_install()
    if error != 0 { throw unsafe EngineError(error, "signal handlers: \(String(cString: strerror(error)))") }
  }
}

extension Engine {
  /// Calls a function of a plugin, with one argument and any result, on this thread, which belongs to the engine: from
  /// its registration or its end. Throws when it faulted; what it held of tables is given back. [control]
  ///
  /// - Parameter holder: whose mbufs they are that it makes.
  public func callGuarded(
    _ function: UnsafeRawPointer, _ argument: UInt = 0, holder: MbufHolder
  ) throws(Fault) -> UInt {
    let function = unsafe unsafeBitCast(function, to: netisr_host_function.self)
    if let context = unsafe netisr_host_context() { unsafe context.pointee.traffic.addCallback() }
    var subject = netisr_host_subject(function: function, mark: holder.mark, is_bare: 1)
    let result = unsafe netisr_host_call_function(&subject, function, argument, 0, 0)
    if result.returned == 1 { return result.value }
    if let context = unsafe netisr_host_context() { unsafe context.abandonTable() }
    throw Fault.take()
  }

  /// How a call of a plugin's code ended.
  public enum CallEnd: Sendable {
    /// It returned a value.
    case returned(UInt)
    case faulted(Fault)
    /// It never did: the watchdog has given up its thread.
    case lost
  }

  /// The same on a thread of its own, as code of the plugin's registration: so that the caller goes on, whatever becomes of
  /// the call. What a lost call was given is its own for ever. [control]
  public func callAside(
    of identity: PluginIdentity, _ function: UnsafeRawPointer, _ argument: UInt = 0, holder: MbufHolder
  ) -> CallEnd {
    let end = End()
    let function = UInt(bitPattern: function)
    let thread = Thread(name: "netisr-register") {
      self.withRegistration(of: identity) {
        // The caller's function, as an integer for the way to this thread.
        guard let function = unsafe UnsafeRawPointer(bitPattern: function) else { return }
        do throws(Fault) {
          end.value = .returned(unsafe try self.callGuarded(function, argument, holder: holder))
        } catch {
          end.value = .faulted(error)
        }
      }
    }
    return thread.join() ? end.value : .lost
  }

  // Written by the call's thread, and read when that has ended.
  private final class End: @unchecked Sendable {
    var value = CallEnd.lost
  }
}
