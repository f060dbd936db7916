import Glibc

/// What there is beside a plugin's file under its name and `.sig`, read once.
public struct SignatureFile: Sendable {
  /// What a signature's name has behind the plugin's.
  public static let suffix = ".sig"

  /// Where it was looked for.
  public let path: String
  private let content: Result<[UInt8], TrustError>?

  /// Reads it; that it can't be read is kept for the report.
  ///
  /// Whose file it is makes no difference: the key is what counts.
  ///
  /// - Parameters:
  ///   - plugin: The plugin's path.
  ///   - name: The plugin's name in `directory`, which is open.
  public init(beside plugin: String, name: String, in directory: Int32) {
    path = plugin + Self.suffix
    do throws(TrustError) {
      content = .success(try SmallFile.read(name + Self.suffix, in: directory, at: path) { _ in [] })
    } catch {
      content = error.code == ENOENT ? nil : .failure(error)
    }
  }

  /// Reads it, by the plugin's path alone.
  public init(beside plugin: String) {
    self.init(beside: plugin, name: plugin, in: AT_FDCWD)
  }

  /// Its text; nil when there is no such file.
  var text: [UInt8]? {
    get throws(TrustError) { try content?.get() }
  }
}
