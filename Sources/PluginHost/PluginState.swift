/// Where a plugin, or one of its generations, is in its life.
///
///     candidate -> inspected -> loaded -> serving -> draining -> retired -> unmapped
///                     └─ refused          └─ quarantined            └─ resident
public enum PluginState: String, Sendable {
  /// A file that nobody has looked at yet.
  case candidate
  /// Its bytes were accepted.
  case inspected
  /// It is mapped, and has filled its registration.
  case loaded
  /// Packets go to its handler.
  case serving
  /// It takes no new packets; what is queued is handled, and threads leave its handlers.
  case draining
  /// No thread can run it any more.
  case retired
  /// Its image is gone from the process.
  case unmapped
  /// It was not loaded, for reasons that are kept.
  case refused
  /// Its code faulted: no packet reaches it any more, its image stays mapped, and none of its code is run again.
  case quarantined
  /// Retired, but its image must stay mapped, for reasons that are kept.
  case resident
}
