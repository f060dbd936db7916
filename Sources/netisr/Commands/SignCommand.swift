import ArgumentParser
import PluginInspector

struct SignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Sign plugins: FILE.sig vouches for the bytes that FILE has now.",
    discussion: """
      The signature is written beside each file, in the place of an older one; the file stays as it is. A host that is \
      given the public key (--keys) takes the plugin, until a byte of it changes.

      EXAMPLES
          netisr sign --key release.sec build/ip.so
          netisr sign --key release.sec plugins.d/*.so
      """)

  @Option(help: ArgumentHelp("The secret key, made by `netisr keygen`.", valueName: "file"))
  var key: String

  @Argument(help: "Plugins.")
  var files: [String]

  func validate() throws {
    if files.contains("") { throw ValidationError("FILE: expected a path, found an empty text") }
  }

  func run() throws {
    var failed = false
    do throws(TrustError) {
      let key = try SecretKey(file: key)
      for file in files {
        do throws(TrustError) {
          write("\(try key.sign(file: file)): key \(key.id)\n", to: 1)
        } catch {
          complain(error.description)
          failed = true
        }
      }
    } catch {
      complain(error.description)
      failed = true
    }
    if failed { throw ExitCode.failure }
  }
}
