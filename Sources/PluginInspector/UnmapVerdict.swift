import CLibELF

/// Whether an image may ever be unmapped, from the file alone.
///
/// dlclose(3) says 0 in every one of these cases; what happens next differs:
///
/// - The loader keeps the image: `DF_1_NODELETE`, a `STB_GNU_UNIQUE` symbol, a destructor of a thread-local variable. A
///   "reload" would go on with the old state. We say so instead.
/// - The loader unmaps it, and the process dies later, when something that was left behind calls into the hole: a record
///   that the Swift runtime keeps of the image's types and conformances (it has no way to forget an image), a
///   thread, a signal handler, the destructor of a thread's key, a function for exit.
///
/// The file shows the import, not whether it is ever called, so the verdict errs to the safe side: a resident image costs
/// its size in memory, a wrongly unmapped one costs the process. `__cxa_atexit` is with the others though the C library
/// runs such functions at dlclose(3), because it does so only for those that were registered with the image's own
/// handle, and that does not show. `__cxa_finalize`, by which every start-up object calls them, is harmless.
///
/// Not a reason: `DF_STATIC_TLS`. The space is scarce, but the loader takes it back.
enum UnmapVerdict {
  static func reasons(_ image: ELFImage) -> [String] {
    var reasons: [String] = []
    if image.dynamic.entries.isEmpty || image.symbols.all.isEmpty {
      reasons.append("the dynamic section or its symbols cannot be read")
    }
    if (image.dynamic[DT_FLAGS_1] ?? 0) & UInt64(DF_1_NODELETE) != 0 {
      reasons.append("linked with -z nodelete (DF_1_NODELETE)")
    }
    if let unique = image.symbols.all.first(where: { !$0.isUndefined && $0.binding == STB_GNU_UNIQUE }) {
      reasons.append("defines \(unique.name) once for the whole process (STB_GNU_UNIQUE)")
    }
    reasons += swiftReasons(image)
    for symbol in image.symbols.all where symbol.isUndefined {
      if let reason = reason(import: symbol.name) { reasons.append("imports \(symbol.name): \(reason)") }
    }
    return reasons
  }

  /// Section names may be stripped, so that the runtime library and its registering functions count too.
  private static func swiftReasons(_ image: ELFImage) -> [String] {
    var reasons: [String] = []
    let hints = SectionHints(image.file)
    for name in ["swift5_protocol_conformances", "swift5_type_metadata"] {
      let bytes = hints.bytes(in: name)
      if bytes > 0 { reasons.append("\(bytes) bytes in section \(name): the Swift runtime keeps their addresses") }
    }
    if image.needed.contains("libswiftCore.so") {
      reasons.append("needs libswiftCore.so: the Swift runtime never forgets an image")
    }
    return reasons
  }

  private static func reason(import name: String) -> String? {
    if name.hasPrefix("__cxa_thread_atexit") {
      return "thread-local variables with destructors"
    }
    switch name {
    case "swift_addNewDSOImage", "swift_registerProtocolConformances", "swift_registerTypeMetadataRecords",
      "swift_registerProtocols":
      return "the Swift runtime never forgets an image"
    case "pthread_key_create", "__pthread_key_create", "tss_create":
      return "destructors that threads run when they end"
    case "pthread_create", "thrd_create", "timer_create":
      return "threads that may still run its code"
    case "signal", "sigaction", "__sigaction", "bsd_signal", "sysv_signal", "__sysv_signal", "ssignal", "sigset",
      "sigvec":
      return "signal handlers that may stay installed"
    case "atexit", "__cxa_atexit", "on_exit", "at_quick_exit", "__cxa_at_quick_exit":
      return "functions for exit that may be registered"
    case "pthread_atfork", "__register_atfork":
      return "functions for fork that may be registered"
    default:
      return nil
    }
  }
}
