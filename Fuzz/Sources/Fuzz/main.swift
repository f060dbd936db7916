import ControlPlane
import FuzzTargets
import Glibc

// `Fuzz seeds FOLDER`: writes the first inputs of all targets. `Fuzz TARGET ...`: feeds a target; the rest is libFuzzer's.
// NETISR_FUZZ_PLUGINS is the folder of the plugins, NETISR_FUZZ_SAMPLES that of the sample captures.

/// libFuzzer's own entry, for programs that have a main function (FuzzerInterface.h).
@_silgen_name("LLVMFuzzerRunDriver")
func LLVMFuzzerRunDriver(
  _ argc: UnsafeMutablePointer<CInt>, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ feed: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

func fail(_ message: String) -> Never {
  print("fuzz: \(message)")
  exit(1)
}

func folder(_ name: String) -> String {
  guard let value = unsafe getenv(name) else { fail("\(name): expected a folder, found nothing") }
  return unsafe String(cString: value)
}

let arguments = CommandLine.arguments
let plugins = folder("NETISR_FUZZ_PLUGINS")
guard arguments.count >= 2 else { fail("usage: Fuzz seeds FOLDER | TARGET [libFuzzer's arguments]") }

if arguments[1] == "seeds" {
  guard arguments.count == 3 else { fail("usage: Fuzz seeds FOLDER") }
  do {
    for target in FuzzTargets.names {
      let seeds = try Seeds.of(target, samples: folder("NETISR_FUZZ_SAMPLES"), plugins: plugins)
      try SeedFiles.write(seeds, to: "\(arguments[2])/\(target)")
    }
  } catch {
    fail("\(error)")
  }
  exit(0)
}

// Nothing that an input asks for can be done to this machine.
do { try PrivilegedThread.dropRights() } catch { fail("\(error)") }

let name = arguments[1]
// Made with the first input: libFuzzer's handlers of signals are there by then, and get what is none of a plugin's faults.
nonisolated(unsafe) var target: (any FuzzTarget)?

func feed(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    if unsafe target == nil { unsafe target = try FuzzTargets.make(name, plugins: plugins) }
    try unsafe target?.feed(Array(UnsafeBufferPointer(start: bytes, count: count)))
  } catch {
    print("FINDING \(name): \(error)")
    fflush(nil)
    abort()
  }
  return 0
}

// libFuzzer sees its own arguments only.
var words: [UnsafeMutablePointer<CChar>?] =
  unsafe ([arguments[0]] + arguments.dropFirst(2)).map { unsafe strdup($0) } + [nil]
var count = unsafe CInt(words.count - 1)
let status = unsafe words.withUnsafeMutableBufferPointer { list in
  // Of a list that is not empty.
  var base = list.baseAddress!
  return unsafe LLVMFuzzerRunDriver(&count, &base, feed)
}
// Destructors have nothing to say.
_exit(status)
