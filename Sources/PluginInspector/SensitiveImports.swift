/// Functions of the C library that a packet handler has no need of, and why a host should know about them.
///
/// A list of names stops nobody who means harm (a plugin can make system calls of its own). It finds the well-meant
/// plugin that would block a workstream, end the process, or leave something behind when it is unloaded.
enum SensitiveImports {
  static func reason(for symbol: String) -> String? { reasons[symbol] }

  private static let groups: [(reason: String, names: [String])] = [
    (
      "loads code that nobody inspected",
      ["dlopen", "dlmopen", "__libc_dlopen_mode"]
    ),
    (
      "runs another program",
      [
        "execl", "execle", "execlp", "execv", "execve", "execveat", "execvp", "execvpe", "fexecve", "posix_spawn",
        "posix_spawnp", "system", "popen",
      ]
    ),
    (
      "copies a process that has threads",
      ["fork", "vfork", "_Fork", "clone", "clone3", "daemon"]
    ),
    (
      "reaches into processes",
      ["ptrace", "process_vm_readv", "process_vm_writev", "kill", "tgkill", "killpg", "raise", "prctl", "syscall"]
    ),
    (
      "changes the whole process's signals, which the host recovers from faults with",
      [
        "signal", "sigaction", "bsd_signal", "sysv_signal", "__sysv_signal", "ssignal", "sigset", "sigaltstack",
        "sigprocmask", "pthread_sigmask", "siginterrupt", "signalfd",
      ]
    ),
    (
      "starts a thread that the host does not know",
      ["pthread_create", "thrd_create", "timer_create"]
    ),
    (
      "leaves code behind that runs after the handler is gone",
      [
        "pthread_key_create", "tss_create", "pthread_atfork", "__register_atfork", "atexit", "on_exit",
        "at_quick_exit", "__cxa_at_quick_exit",
      ]
    ),
    (
      "ends the process",
      [
        "exit", "_exit", "_Exit", "quick_exit", "abort", "__assert_fail", "__assert_perror_fail", "err", "errx",
        "pthread_exit", "thrd_exit", "longjmp", "_longjmp", "siglongjmp", "__longjmp_chk",
      ]
    ),
    (
      "talks past the host's interfaces",
      ["socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "shm_open", "mkfifo"]
    ),
    (
      "changes how memory may be used",
      ["mprotect", "pkey_mprotect", "mremap", "remap_file_pages", "munmap", "brk", "sbrk"]
    ),
    (
      "changes the identity or the limits of the whole process",
      [
        "setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups",
        "chroot", "setrlimit", "unshare", "setns", "mount", "umount", "chdir", "fchdir", "setenv", "putenv", "unsetenv",
        "clearenv", "setlocale",
      ]
    ),
    (
      "stops a workstream until somebody else does something",
      ["sleep", "usleep", "nanosleep", "clock_nanosleep", "pause", "sigsuspend", "wait", "waitpid"]
    ),
  ]

  private static let reasons: [String: String] = Dictionary(
    groups.flatMap { group in group.names.map { ($0, group.reason) } }, uniquingKeysWith: { first, _ in first })
}
