import CNetISRHost
import Glibc

/// Gives back the record of a thread that was attached without being asked, such as a plugin's own, when it ends.
enum ThreadExit {
  /// Made on the first use, for the life of the process. Its destructor is the host's code, which is never unmapped.
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let error = unsafe pthread_key_create(&key) { record in
      guard let record = unsafe record?.assumingMemoryBound(to: ThreadContext.self) else { return }
      netisr_host_set_self(nil)
      unsafe record.pointee.engine.threads.release(record)
    }
    precondition(error == 0, "pthread_key_create: errno \(error)")
    return key
  }()

  /// Has `record` given back when the calling thread ends.
  static func release(_ record: UnsafeMutablePointer<ThreadContext>) {
    let error = unsafe pthread_setspecific(key, record)
    precondition(error == 0, "pthread_setspecific: errno \(error)")
  }
}
