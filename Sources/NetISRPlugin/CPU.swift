/// The CPUs of the service: what `nh_m2cpuid` may answer.
public enum CPU {
  /// "No preference": the host decides.
  @inlinable
  public static var none: UInt32 { UInt32.max }  // NETISR_CPUID_NONE, a cast in C, which is not imported

  /// How many there are. It changes at run time.
  @inlinable
  public static var count: UInt32 { netisr_get_cpucount() }

  /// The CPU that a number stands for: any number is good, and the same number gives the same CPU for as long as the
  /// count stays the same.
  @inlinable
  public static func id(for number: UInt32) -> UInt32 { netisr_get_cpuid(number) }
}
