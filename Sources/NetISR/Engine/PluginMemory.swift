import CNetISRHost
import Synchronization

/// What the host keeps for a plugin, in bytes of the host's memory. Without what allocators and dictionaries need around it.
public struct PluginMemory: Sendable, Equatable {
  /// The tables that the plugin's name owns: entries, also those that are free again, and buckets. Not those that are shared.
  public var tables = 0
  /// Its counters: a word in each thread's record.
  public var counters = 0
  /// Its settings.
  public var settings = 0
  /// Callouts that are armed in its code.
  public var callouts = 0

  /// Nothing.
  public init() {}

  /// All of it.
  public var total: Int { tables + counters + settings + callouts }
}

extension Engine {
  /// What is kept for a plugin: callouts for the code of one generation, the rest for its name, whichever serves; without a
  /// name callouts only. [any thread] that holds no lock of this engine's
  public func memory(of name: String?, code: Range<UInt>) -> PluginMemory {
    var memory = PluginMemory()
    for number in 0..<callouts.count { unsafe memory.callouts += callouts.queues[number].memory(of: code) }
    guard let name else { return memory }
    tables.forEachCurrent { store, _ in if store.owner.name == name { memory.tables += store.memory } }
    var records = 0
    unsafe threads.forEach { _ in records += 1 }
    memory.counters =
      counters.listed().count { $0.owner == name } * records * MemoryLayout<Atomic<UInt64>>.stride
    memory.settings = settings.listed().count { $0.owner == name } * SettingRegistry.memoryOfOne
    return memory
  }
}
