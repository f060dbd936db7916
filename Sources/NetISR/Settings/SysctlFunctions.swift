import CNetISR
import Glibc

/// `sysctl_define`, as sysctl.h describes it. ENXIO: the calling thread belongs to no engine.
@c @implementation
public func sysctl_define(
  _ spec: UnsafePointer<sysctl_spec>!, _ settingp: UnsafeMutablePointer<OpaquePointer?>!
) -> Int32 {
  guard let settingp = unsafe settingp else { return EINVAL }
  unsafe settingp.pointee = nil
  guard let spec = unsafe spec?.pointee, let name = unsafe spec.ss_name.flatMap({ unsafe boundedString($0) }) else {
    return EINVAL
  }
  guard let context = unsafe ThreadContext.current else { return ENXIO }
  guard let owner = unsafe context.pointee.registering?.name, unsafe spec.ss_min <= spec.ss_max else { return EINVAL }
  do throws(SettingError) {
    let terms = unsafe SettingTerms(initial: spec.ss_default, bounds: spec.ss_min...spec.ss_max)
    unsafe settingp.pointee = OpaquePointer(try context.pointee.engine.settings.define(name, terms, owner: owner))
    return 0
  } catch {
    switch error {
    case .invalid: return EINVAL
    case .taken: return EEXIST
    case .tooMany: return ENOSPC
    }
  }
}
