import NetISR
import PluginInspector

/// What is known of a plugin's generation, or of a file that was refused. A copy: it does not change.
public struct PluginInfo: Sendable {
  /// The name in the ABI note; nil for a file that was refused without one.
  public var name: String?
  /// The path that it was loaded from.
  public var path: String
  /// From 1, counted by name over the host's life; 0 for a refused file.
  public var generation: Int
  /// Where it is in its life.
  public var state: PluginState
  /// The protocol number that it serves.
  public var proto: UInt32?
  /// The GNU build-id in hexadecimal, of the mapped image once it is loaded.
  public var buildID: String?
  /// SHA-256 of the bytes, in hexadecimal.
  public var sha256: String?
  /// While draining: threads that are still inside.
  public var waitingFor: Int
  /// Why it was refused, or why it must stay resident.
  public var reasons: [String]
  /// Faults of all generations of that name.
  public var faults = 0
  /// Mbufs that this generation holds; of one that is gone: has left behind.
  public var mbufs = MbufHolding()
  /// What the host keeps for it: in tables also mbufs.
  public var memory = PluginMemory()
  /// Mbufs in the tables of its name.
  public var mbufsInTables = MbufHolding()

  /// The last part of `path`.
  public var file: String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}

/// Why a plugin could not be loaded, swapped or unloaded. Nothing was changed by the attempt.
public struct PluginError: Error, Sendable, CustomStringConvertible {
  /// The file or name that it is about.
  public let subject: String
  /// Every problem, each with what was expected and what was found.
  public let problems: [String]

  init(_ subject: String, _ problems: [String]) {
    self.subject = subject
    self.problems = problems
  }

  /// One line.
  public var description: String {
    "\(subject): " + problems.joined(separator: "; ")
  }
}
