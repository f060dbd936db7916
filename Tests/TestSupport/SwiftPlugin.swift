import Foundation

/// Plugins in Embedded Swift, compiled at test time as `make NAME.so` does it, against the SDK of this build.
public enum SwiftPlugin {
  /// Why they can't be compiled here; nil where they can.
  public static let obstacle: String? =
    CPlugin.sanitizer == nil ? nil : "the SDK of a sanitized build wants the sanitizer's runtime"

  /// Compiles `source`, a module of that name, to a shared object at `path`. Throws what the compiler printed.
  public static func compile(_ source: String, module: String, to path: String) throws {
    let file = path + ".swift"
    try source.write(toFile: file, atomically: true, encoding: .utf8)
    let sdk = try FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.products)/NetISRPlugin.build")
      .filter { $0.hasSuffix(".o") }.map { "\(Fixtures.products)/NetISRPlugin.build/\($0)" }
    try CPlugin.run(
      [
        "swiftc", "-O", "-wmo", "-parse-as-library", "-enable-experimental-feature", "Embedded",
        "-enable-experimental-feature", "Lifetimes", "-module-name", module, "-emit-library", "-use-ld=lld",
        "-Xlinker", "--build-id=sha1", "-Xlinker", "--version-script=\(Fixtures.root)/Plugins/exports.map", "-I",
        "\(Fixtures.products)/Modules", "-I", "\(Fixtures.root)/Sources/CNetISR/include", "-o", path, file,
      ] + sdk)
  }
}
