import Glibc

/// The signals that a host acts upon in order: SIGINT and SIGTERM end it, SIGHUP has it read its configuration again.
enum HostSignals {
  private static var set: sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGINT)
    unsafe sigaddset(&set, SIGTERM)
    unsafe sigaddset(&set, SIGHUP)
    return set
  }

  /// Keeps them from ending the process, for the calling thread and those it starts. A client that hangs up ends nothing
  /// either.
  static func block() {
    var set = set
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Makes SIGINT end the process with exit status 0, also where the parent had it blocked.
  static func exitOnInterrupt() {
    var set = set
    _ = signal(SIGINT) { _ in _exit(0) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  /// Waits for one and returns its name. The next SIGINT or SIGTERM after one of these ends the process.
  static func wait() -> String {
    var set = set
    var number: Int32 = 0
    while unsafe sigwait(&set, &number) != 0 {}
    guard number != SIGHUP else { return "SIGHUP" }
    unsafe sigdelset(&set, SIGHUP)
    unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    return number == SIGINT ? "SIGINT" : "SIGTERM"
  }
}
