import ArgumentParser
import Logging

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// The log, which is standard error.
enum Log {
  /// The program's logger.
  static func logger(_ level: Logger.Level) -> Logger {
    var logger = Logger(label: "netisr") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    return logger
  }
}
