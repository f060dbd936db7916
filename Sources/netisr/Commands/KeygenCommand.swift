import ArgumentParser
import PluginInspector

struct KeygenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keygen",
    abstract: "Make a pair of keys: one signs plugins, the other tells hosts whose signatures count.",
    discussion: """
      PREFIX.sec is the secret key (mode 0600, without a passphrase: keep it away from the hosts), PREFIX.pub the public \
      one, for the directory that a host is given with --keys. Neither file may be there: a key is never overwritten.

      The keys are Ed25519; the files are those of signify(1), and either program reads the other's.

      EXAMPLES
          netisr keygen --output release
          install -m 644 release.pub /etc/netisr/keys
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("What the names of both files begin with.", valueName: "prefix"))
  var output = "netisr"

  func validate() throws {
    if output.isEmpty { throw ValidationError("--output: expected a prefix, found an empty text") }
  }

  func run() throws {
    do throws(TrustError) {
      let files = try SecretKey.makeFiles(prefix: output)
      write("\(files.secret), \(files.public): key \(files.id)\n", to: 1)
    } catch {
      complain(error.description)
      throw ExitCode.failure
    }
  }
}
