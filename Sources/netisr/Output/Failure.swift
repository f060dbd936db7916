import ArgumentParser
import ControlPlane
import Glibc

/// Writes one line to standard error, under the program's name.
func complain(_ message: String) {
  // Libraries' messages may have line ends in them; here a failure is one line.
  let line = "netisr: " + message.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n"
  write(line, to: STDERR_FILENO)
}

/// Runs `body`; what it throws is one line on standard error and exit status 1.
func orFail<Result>(_ body: () throws(ControlError) -> Result) throws -> Result {
  do throws(ControlError) {
    return try body()
  } catch {
    complain(error.description)
    throw ExitCode.failure
  }
}

/// Writes all of a text, unless the other end is gone.
func write(_ text: String, to descriptor: Int32) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let put = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if put < 0 && errno == EINTR { continue }
    guard put > 0 else { return }
    rest = rest.dropFirst(put)
  }
}

/// Prints one JSON object, and a line end.
func printJSON(_ value: some Encodable) {
  write(String(decoding: JSON.encode(value), as: UTF8.self) + "\n", to: STDOUT_FILENO)
}
