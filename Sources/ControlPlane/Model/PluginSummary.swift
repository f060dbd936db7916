import PluginHost

/// A generation of a plugin, or a file that was refused: a line of `netisr list`.
public struct PluginSummary: Codable, Sendable {
  /// Its name; left out for a refused file.
  public var name: String?
  /// The file's name.
  public var file: String
  /// The path that it was loaded from.
  public var path: String
  /// From 1, counted by name; 0 for a refused file.
  public var generation: Int
  /// Where it is in its life: `serving`, `draining`, `retired`, `resident`, `refused`, ...
  public var state: String
  /// The protocol number that it serves.
  public var proto: UInt32?
  /// The GNU build-id of the mapped image, in hexadecimal.
  public var buildID: String?
  /// SHA-256 of the file's bytes, in hexadecimal.
  public var sha256: String?
  /// While draining: threads that are still inside.
  public var waitingFor: Int
  /// Why it was refused, or must stay resident.
  public var reasons: [String]
  /// Faults of all generations of that name.
  public var faults: Int
  /// Mbufs that this generation holds: given to its handler or made by it, and neither freed, nor handed on, nor in a
  /// table. Of one that is out of service: a leak.
  public var mbufs: Int
  /// Mbufs of these whose data is in a cluster.
  public var clusters: Int
  /// What the host keeps for it.
  public var memory: PluginMemorySummary

  enum CodingKeys: String, CodingKey {
    case name, file, path, generation, state, proto, sha256, reasons, faults, mbufs, clusters, memory
    case buildID = "build_id"
    case waitingFor = "waiting_for"
  }

  init(_ info: PluginInfo) {
    name = info.name
    file = info.file
    path = info.path
    generation = info.generation
    state = info.state.rawValue
    proto = info.proto
    buildID = info.buildID
    sha256 = info.sha256
    waitingFor = info.waitingFor
    reasons = info.reasons
    faults = info.faults
    mbufs = info.mbufs.mbufs
    clusters = info.mbufs.clusters
    memory = PluginMemorySummary(info)
  }
}

/// What `netisr list --json` prints.
public struct PluginList: Codable, Sendable {
  /// By name and path, newest first; refused files last.
  public var plugins: [PluginSummary]
}
