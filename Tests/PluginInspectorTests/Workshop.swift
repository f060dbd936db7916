import Foundation
import Glibc
import Testing

import PluginInspector

/// A directory of its own for what a test builds; removed with the instance.
final class Workshop {
  let directory: URL

  /// The top of the package.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Where the package's products lie: beside the program that runs the tests.
  static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

  init() throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "netisr-inspector-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  func path(_ name: String) -> String { directory.appending(path: name).path }

  /// Runs a program found in PATH, and requires that it succeeds.
  func run(_ arguments: String...) throws {
    try run(arguments)
  }

  func run(_ arguments: [String]) throws {
    // Foundation's Process loses memory, and so does its reading of empty files: the leak sanitizer finds it.
    let log = path("output.log")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var words = arguments.map { strdup($0) } + [nil]
    defer { words.forEach { free($0) } }
    var process = pid_t()
    try #require(posix_spawnp(&process, arguments[0], &actions, nil, &words, environ) == 0, "\(arguments)")
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let text = String(decoding: try Self.read(log), as: UTF8.self)
    try #require(status == 0, "\(arguments.joined(separator: " ")): \(text)")
  }

  static func has(_ program: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
  }

  func write(_ text: String, to name: String) throws -> String {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    return path(name)
  }

  /// Compiles C to a shared object, or with the flag `-pie` to an executable, and returns its path.
  func build(
    _ source: String, _ flags: [String] = [], compiler: String = "clang", linker: String? = "lld",
    output: String = "plugin.so"
  ) throws -> String {
    let include = Self.root.appending(path: "Sources/CNetISR/include").path
    let file = try write(source, to: output + ".c")
    try run(
      [
        compiler, flags.contains("-pie") ? "-fPIE" : "-shared", "-fPIC", "-O1", "-fvisibility=default", "-I", include,
        "-Wl,--build-id=sha1",
      ]
        + (linker.map { ["-fuse-ld=\($0)"] } ?? []) + [file, "-o", path(output)] + flags)
    return path(output)
  }

  /// Compiles C to a shared object, and returns its bytes.
  static func bytes(_ source: String, _ flags: [String] = [], compiler: String = "clang", linker: String? = "lld")
    throws -> [UInt8]
  {
    let workshop = try Workshop()
    return try read(workshop.build(source, flags, compiler: compiler, linker: linker))
  }

  static func read(_ path: String) throws -> [UInt8] {
    let file = try #require(fopen(path, "r"), "\(path): \(String(cString: strerror(errno)))")
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&part, 1, part.count, file), count > 0 { bytes += part[..<count] }
    return bytes
  }
}

/// C sources of plugins.
enum Source {
  static let note = """
    #include <netisr_plugin.h>
    #include <stddef.h>
    NETISR_PLUGIN("mine", 11, 3, 100);

    """
  static let handler = """
    static void input(struct mbuf *m) { m_freem(m); }

    """
  static let register = """
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
    	nhp->nh_name = "mine";
    	nhp->nh_handler = input;
    	nhp->nh_proto = 11;
    	nhp->nh_policy = NETISR_POLICY_SOURCE;
    	return (0);
    }

    """
  static let good = note + handler + register

  /// A plugin with everything that a shared object can have.
  static let rich =
    good
      + """
      #include <stdlib.h>
      void *pointers[] = {pointers, pointers + 1, malloc};
      volatile _Thread_local int local = 1;
      static int one(void) { return (local); }
      static void *pick(void) { return ((void *)one); }
      int chosen(void) __attribute__((ifunc("pick")));
      __attribute__((constructor)) static void early(void) { local = chosen(); }

      """

  /// A good plugin with one function more, which is exported so that it stays.
  static func good(with statement: String, _ declarations: String = "") -> String {
    declarations + "\n" + good + "void more(void) { \(statement) }\n"
  }
}

/// The smallest good plugin, built once.
let goodPlugin: [UInt8] = {
  do { return try Workshop.bytes(Source.good) } catch { fatalError("no good plugin: \(error)") }
}()

/// A plugin with the older hash table, packed relocations, versions of its own, and code that runs early.
let richPlugin: [UInt8] = {
  do {
    let workshop = try Workshop()
    let versions = try workshop.write("MINE_1 { global: chosen; }; MINE_2 { global: *; } MINE_1;\n", to: "versions")
    let path = try workshop.build(
      Source.rich, ["-lc", "-Wl,--hash-style=sysv,--pack-dyn-relocs=relr,-z,now,--version-script=\(versions)"])
    return try Workshop.read(path)
  } catch { fatalError("no rich plugin: \(error)") }
}()
