/// A number that operators read and change by its name (sysctl.h); the host keeps it over swaps and reloads.
@safe
public struct Setting: Sendable {
  // The host keeps the value for as long as it runs; nil before registration.
  @usableFromInline nonisolated(unsafe) var setting: OpaquePointer?

  /// A setting that is not defined yet: 0.
  @inlinable
  public init() {
    unsafe setting = nil
  }

  /// Finds or makes the setting `name`, such as "net.inet.ip.ttl". Only in `netisr_plugin_register`. [control]
  @inlinable
  public init(_ name: StaticString, default initial: Int64, in bounds: ClosedRange<Int64>) throws(Errno) {
    unsafe setting = nil
    var spec = unsafe sysctl_spec()
    // A static string of ASCII or UTF-8 ends with a NUL.
    unsafe spec.ss_name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    unsafe spec.ss_default = initial
    unsafe spec.ss_min = bounds.lowerBound
    unsafe spec.ss_max = bounds.upperBound
    let error = unsafe sysctl_define(&spec, &setting)
    if error != 0 { throw Errno(error) }
  }

  /// What it is now. [any thread]
  @inlinable
  public var value: Int64 { unsafe sysctl_value(setting) }

  /// Whether it is not 0. [any thread]
  @inlinable
  public var isOn: Bool { value != 0 }
}
