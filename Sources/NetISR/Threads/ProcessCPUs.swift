import CNetISRHost

/// The CPUs that this process may use.
public enum ProcessCPUs {
  /// Their numbers, ascending; at least one. Read anew each time, for taskset(1) and cgroups change them. [any thread]
  public static var allowed: [UInt32] {
    // More than any kernel has.
    let capacity = 8192
    let cpus = unsafe [UInt32](unsafeUninitializedCapacity: capacity) { list, count in
      unsafe count = Int(max(0, netisr_host_allowed_cpus(list.baseAddress, UInt32(capacity))))
    }
    // Only without /proc and with a seccomp filter can that fail; there is a CPU, for this runs on it.
    return cpus.isEmpty ? [0] : cpus
  }
}
