import Synchronization

/// Why a setting could not be defined.
enum SettingError: Error {
  /// The name, or the default that is not within its bounds.
  case invalid
  /// Another plugin's, or the host's.
  case taken
  /// All of the host's settings are in use.
  case tooMany
}

/// A plugin's setting, as operators see it.
public struct PluginSetting: Sendable {
  /// "net.inet.ip.ttl"
  public var name: String
  /// The plugin that defined it.
  public var owner: String
  /// The value now.
  public var value: Int64
  /// What it may be.
  public var bounds: ClosedRange<Int64>
}

/// What a plugin says of a setting.
struct SettingTerms {
  var initial: Int64
  var bounds: ClosedRange<Int64>
}

/// The settings of an engine's plugins (sysctl.h).
///
/// A value has one address as long as the registry lives, so that code of any generation reads it with one load. What a
/// registration says of one that is there counts when that registration is complete: a generation that fails has
/// changed nothing.
final class SettingRegistry: @unchecked Sendable {
  static let limit = 1024
  static let maxName = 63
  /// The host's own names begin with these.
  static let reserved = ["net.isr.", "net.mbufs."]

  @safe
  private struct Definition {
    var owner: String
    var terms: SettingTerms
    /// From `define` to the registry's end. Relaxed: read as a number that stands for nothing else.
    let value: UnsafeMutablePointer<Atomic<Int64>>
    /// An operator has chosen the value.
    var isSet = false
    var isListed = false
  }

  /// Bytes that a setting takes.
  static let memoryOfOne = MemoryLayout<Definition>.stride + MemoryLayout<Atomic<Int64>>.stride

  private let lock = Lock()
  // Under the lock.
  private var definitions: [String: Definition] = [:]
  private var pending: [String: [String: SettingTerms]] = [:]

  deinit {
    for definition in definitions.values { unsafe definition.value.deallocate() }
  }

  /// Finds or makes a setting for a plugin that is registering.
  func define(_ name: String, _ terms: SettingTerms, owner: String) throws(SettingError) -> UnsafeRawPointer {
    guard Self.isName(name), terms.bounds.contains(terms.initial) else { throw .invalid }
    guard !Self.reserved.contains(where: { name.hasPrefix($0) }) else { throw .taken }
    let result: Result<UnsafeMutablePointer<Atomic<Int64>>, SettingError> = unsafe lock.withLock {
      if let known = definitions[name], known.isListed || pending[known.owner]?[name] != nil {
        guard known.owner == owner else { return unsafe .failure(.taken) }
      } else if definitions[name] != nil {
        // Of a registration that failed.
        definitions[name]?.owner = owner
      } else {
        guard definitions.count < Self.limit else { return unsafe .failure(.tooMany) }
        let value = UnsafeMutablePointer<Atomic<Int64>>.allocate(capacity: 1)
        unsafe value.initialize(to: Atomic(terms.initial))
        unsafe definitions[name] = Definition(owner: owner, terms: terms, value: value)
      }
      pending[owner, default: [:]][name] = terms
      guard let definition = definitions[name] else { return unsafe .failure(.invalid) }
      return unsafe .success(definition.value)
    }
    return unsafe UnsafeRawPointer(try result.get())
  }

  /// The owner's registration succeeded: what it said holds.
  func commit(owner: String) {
    lock.withLock {
      for (name, terms) in pending.removeValue(forKey: owner) ?? [:] {
        guard var definition = definitions[name] else { continue }
        let value = definition.isSet ? unsafe definition.value.pointee.load(ordering: .relaxed) : terms.initial
        let within = min(max(value, terms.bounds.lowerBound), terms.bounds.upperBound)
        unsafe definition.value.pointee.store(within, ordering: .relaxed)
        definition.terms = terms
        definition.isListed = true
        definitions[name] = definition
      }
    }
  }

  /// The owner's registration failed.
  func abort(owner: String) {
    lock.withLock { _ = pending.removeValue(forKey: owner) }
  }

  /// All that are listed, by name.
  func listed() -> [PluginSetting] {
    lock.withLock {
      definitions.filter { $0.value.isListed }.sorted { $0.key < $1.key }.map { name, definition in
        PluginSetting(
          name: name, owner: definition.owner, value: unsafe definition.value.pointee.load(ordering: .relaxed),
          bounds: definition.terms.bounds)
      }
    }
  }

  /// Changes a listed setting. False when there is none of that name, or the value is out of its bounds.
  func set(_ name: String, to value: Int64) -> Bool {
    lock.withLock {
      guard let definition = definitions[name], definition.isListed, definition.terms.bounds.contains(value) else {
        return false
      }
      unsafe definition.value.pointee.store(value, ordering: .relaxed)
      definitions[name]?.isSet = true
      return true
    }
  }

  /// Words of [a-z0-9_-] with dots between, two at least.
  private static func isName(_ name: String) -> Bool {
    let words = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return name.utf8.count <= maxName && words.count >= 2
      && words.allSatisfy { word in
        !word.isEmpty
          && word.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
          }
      }
  }
}

extension Engine {
  /// The settings of plugins that are complete, or were. [any thread]
  public func pluginSettings() -> [PluginSetting] { settings.listed() }

  /// Changes a plugin's setting; false when there is none of that name, or the value is out of its bounds. [any thread]
  public func setPluginSetting(_ name: String, to value: Int64) -> Bool { settings.set(name, to: value) }
}
