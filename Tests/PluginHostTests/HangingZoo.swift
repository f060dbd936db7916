import NetISR
import PluginHost
import TestSupport
import Testing

extension Zoo {
  /// A handler that waits for a lock that it has.
  static let deadlock = "pthread_mutex_lock(&mutex); pthread_mutex_lock(&mutex);"

  /// What handlers and other functions of the bad plugin need for that.
  static let waysToHang = """
    #include <search.h>
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct callout timer;
    static void hang(void *argument)
    {
      (void)argument;
      pthread_mutex_lock(&mutex);
      pthread_mutex_lock(&mutex);
    }
    __attribute__((used)) static void *users[] = {&mutex, &timer, hang};
    """

  /// What is told of the first thread that is given up.
  func lostReport() throws -> FaultReport {
    #expect(eventually { faults.reports.contains { $0.fault.isThreadLost } })
    return try #require(faults.reports.first { $0.fault.isThreadLost })
  }
}

/// A zoo that gives calls 20 ms: a thread is given up after some 200 ms, or 400 ms of waiting.
func withHangs(
  _ dispatch: Dispatch, _ handling: String, registering: String = "", _ body: (Zoo) throws -> Void
) throws {
  try withZoo(dispatch) { zoo in
    zoo.engine.watchdogBound = 20_000_000
    try zoo.engine.startWatchdog()
    defer { zoo.engine.stopWatchdog() }
    try zoo.load(before: Zoo.waysToHang, handling: handling, registering: registering)
    try body(zoo)
  }
}
