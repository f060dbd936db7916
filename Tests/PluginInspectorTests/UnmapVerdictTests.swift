import CLibELF
import Foundation
import Testing

import PluginInspector

/// What keeps an image in memory, each on its own.
@Suite struct UnmapVerdictTests {
  let inspector = Inspector(policy: InspectionPolicy(isHostSanitized: false))

  static let calls: [(declarations: String, statement: String)] = [
    ("#include <pthread.h>", "pthread_create(0, 0, 0, 0);"),
    ("#include <pthread.h>", "pthread_key_create(0, 0);"),
    ("#include <threads.h>", "thrd_create(0, 0, 0);"),
    ("#include <threads.h>", "tss_create(0, 0);"),
    ("#include <signal.h>", "sigaction(1, 0, 0);"),
    ("#include <signal.h>", "signal(1, SIG_IGN);"),
    ("#include <signal.h>\n#include <time.h>", "timer_create(0, 0, 0);"),
    ("#include <stdlib.h>", "atexit(0);"),
    ("#include <stdlib.h>", "on_exit(0, 0);"),
    ("int __cxa_thread_atexit_impl(void *, void *, void *);", "__cxa_thread_atexit_impl(0, 0, 0);"),
  ]

  @Test(arguments: calls.indices)
  func `What a call may leave behind keeps the image`(index: Int) throws {
    let call = Self.calls[index]
    let bytes = try Workshop.bytes(Source.good(with: call.statement, call.declarations), ["-lc", "-w"])
    let report = inspector.inspect(bytes: bytes, fileName: "call.so")
    #expect(report.problems == [])
    #expect(report.unload == .resident)
    #expect(report.residentReasons.count == 1, "\(report.residentReasons)")
  }

  @Test func `What leaves nothing behind does not`() throws {
    let bytes = try Workshop.bytes(
      Source.good(
        with: "x++; use = malloc; use = memcpy; use = pthread_mutex_lock;",
        "#include <stdlib.h>\n#include <string.h>\n#include <pthread.h>\n_Thread_local int x; void *use;"), ["-lc"])
    let report = inspector.inspect(bytes: bytes, fileName: "calm.so")
    #expect(report.problems == [])
    #expect(report.notes == [])
    #expect(report.residentReasons == [])
    #expect(report.unload == .unmaps)
    #expect(report.imports.contains("__cxa_finalize"))
    #expect(report.imports.contains("__tls_get_addr"))
  }

  @Test func `DF_1_NODELETE keeps the image`() throws {
    let report = inspector.inspect(
      bytes: try Workshop.bytes(Source.good, ["-Wl,-z,nodelete"]), fileName: "nodelete.so")
    #expect(report.verdict == .accepted)
    #expect(report.unload == .resident)
  }

  @Test func `A unique symbol keeps the image`() throws {
    let bytes = try Workshop.bytes(
      Source.good
        + """
        __asm__(".data\\n.globl only_one\\n.type only_one, @gnu_unique_object\\n.size only_one, 4\\nonly_one: .long 1\\n");
        """)
    let report = inspector.inspect(bytes: bytes, fileName: "unique.so")
    #expect(report.verdict == .accepted)
    #expect(report.unload == .resident)
    #expect(report.residentReasons.first?.contains("only_one") == true)
  }

  @Test(arguments: [[], ["llvm-strip", "--strip-all"], ["llvm-objcopy", "--strip-sections"]])
  func `An ordinary Swift library with a conformance stays, stripped or not`(strip: [String]) throws {
    let workshop = try Workshop()
    let source = try workshop.write(
      "public protocol P { func f() -> Int }\npublic struct S: P { public func f() -> Int { 1 } }\n", to: "S.swift")
    let library = workshop.path("libS.so")
    try workshop.run("swiftc", "-emit-library", "-module-name", "S", "-use-ld=lld", source, "-o", library)
    if let tool = strip.first {
      guard Workshop.has(tool) else { return }
      try workshop.run(strip + [library])
    }
    let report = inspector.inspect(bytes: try Workshop.read(library), fileName: "libS.so")
    #expect(report.unload == .resident)
    #expect(report.needed.contains("libswiftCore.so"))
    // It is no plugin, but everything else about it is in order: the runtime's symbols are found where it is installed.
    #expect(Set(report.problems.map(\.check)) == [.abiNote, .registrationSymbol], "\(report.problems)")
    #expect(report.notes == [])
  }

  @Test func `What cannot be read stays`() {
    #expect(inspector.inspect(bytes: [1, 2, 3], fileName: "x").unload == .resident)
    #expect(inspector.inspect(bytes: Array(goodPlugin.prefix(500)), fileName: "x").unload == .resident)
  }
}
