import CLibELF
import Foundation
import Testing

import PluginInspector

/// What must not be refused.
@Suite struct AcceptedTests {
  let strict = Inspector(policy: InspectionPolicy(isStrict: true))

  /// The product of every plugin in the package.
  static let shipped = ["ether", "ip", "ip6", "arp", "igmp", "natm", "route", "epair", "null"]

  @Test(arguments: shipped)
  func `A plugin of this package is accepted without notes, and unmaps`(name: String) throws {
    let path = Workshop.products.appending(path: "lib\(name).so").path
    let report = try strict.inspect(path: path)
    #expect(report.problems == [])
    #expect(report.notes == [])
    #expect(report.residentReasons == [])
    #expect(report.unload == .unmaps)
    #expect(report.verdict == .accepted)
    #expect(report.name == name)
    #expect(report.buildID?.count == 40)
    #expect(report.hardening.relro == .full)
  }

  @Test(arguments: [
    ["/usr/lib"], ["$ORIGIN"], ["${ORIGIN}/lib"], ["$ORIGIN/../lib"], ["/usr/lib:$ORIGIN"], ["/opt/$LIB/x"],
  ])
  func `An absolute run path is fine, and $ORIGIN too`(path: [String]) throws {
    let bytes = try Workshop.bytes(Source.good, ["-Wl,-rpath,\(path[0])"])
    #expect(strict.inspect(bytes: bytes, fileName: "path.so").problems == [])
  }

  /// Each linker lays out an image in its own way, and each compiler brings its own start-up code.
  @Test(
    arguments: [
      ("clang", "lld"), ("clang", "gold"), ("clang", "bfd"), ("gcc", "bfd"), ("gcc", "gold"), ("gcc", nil),
    ] as [(String, String?)])
  func `Every compiler and linker at hand makes good plugins`(compiler: String, linker: String?) throws {
    let tools = [compiler] + (linker.map { ["ld." + $0] } ?? [])
    guard tools.allSatisfy(Workshop.has) else { return }
    for flags in [[], ["-O2", "-Wl,-s"], ["-Wl,--hash-style=sysv"], ["-fcf-protection=full", "-Wl,-z,now"]] {
      #if !arch(x86_64)
        if flags.first?.hasPrefix("-fcf") == true { continue }
      #endif
      let bytes = try Workshop.bytes(Source.good, flags, compiler: compiler, linker: linker)
      let report = strict.inspect(bytes: bytes, fileName: "good.so")
      #expect(report.problems == [], "\(tools) \(flags)")
      #expect(report.notes == [], "\(tools) \(flags)")
      #expect(report.unload == .unmaps)
      #expect(report.exports.contains("netisr_plugin_register"))
    }
  }

  @Test(arguments: [
    ["strip"], ["strip", "--strip-all"], ["llvm-strip", "--strip-all"], ["llvm-objcopy", "--strip-sections"],
  ])
  func `Stripping takes nothing away that counts`(tool: [String]) throws {
    guard Workshop.has(tool[0]) else { return }
    let workshop = try Workshop()
    let path = try workshop.build(Source.good)
    try workshop.run(tool + [path])
    let report = strict.inspect(bytes: try Workshop.read(path), fileName: "stripped.so")
    let whole = strict.inspect(bytes: goodPlugin, fileName: "whole.so")
    #expect(report.problems == [])
    #expect(report.notes == [])
    #expect(report.verdict == .accepted)
    #expect((report.name, report.buildID, report.abi?.proto) == (whole.name, whole.buildID, whole.abi?.proto))
    #expect(report.imports == whole.imports)
    #expect(report.exports == whole.exports)
  }

  @Test func `Lying section headers change nothing`() {
    let lies = ELFPatcher.patch(goodPlugin) {
      let table = Int($0.load(ELFPatcher.sectionTable, as: UInt64.self))
      for section in 0..<Int($0.load(ELFPatcher.sectionCount, as: UInt16.self)) {
        $0.store(UInt32(SHT_NOBITS), at: table + section * 64 + 4)
        $0.store(UInt64(0x1234), at: table + section * 64 + 24)
      }
    }
    let report = strict.inspect(bytes: lies, fileName: "lies.so")
    #expect(report.problems == [])
    #expect(report.verdict == .accepted)
    #expect(report.unload == .unmaps)
  }

  @Test func `Packed relocations, versions and the older hash table are read`() {
    let report = Inspector().inspect(bytes: richPlugin, fileName: "rich.so")
    #expect(report.problems == [])
    #expect(report.notes.map(\.check) == [.constructor, .constructor])
    #expect(report.exports == ["chosen", "local", "netisr_plugin_register", "pointers"])
    #expect(report.unload == .unmaps)
  }

  /// They are no plugins, but the loader takes them: whatever is refused about their form is our mistake.
  @Test func `The system's own libraries are whole, and their symbols are found`() throws {
    let limit = ProcessInfo.processInfo.environment["NETISR_LIBRARY_BYTES"].flatMap { Int($0) } ?? 100_000
    var count = 0
    var incomplete = 0
    for directory in InspectionPolicy.systemLibraryDirectories.prefix(2) {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      let inspector = Inspector(
        policy: InspectionPolicy(allowedLibraries: InspectionPolicy.systemLibraries.union(names)))
      for name in names.sorted() where name.contains(".so.") {
        let bytes = try Workshop.read(directory + "/" + name)
        guard bytes.count <= limit, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { continue }
        let report = inspector.inspect(bytes: bytes, fileName: name)
        let form: Set<InspectionCheck> = [
          .truncated, .elfClass, .byteOrder, .machine, .headers, .neededLibrary, .textRelocation,
          .writableExecutable,
        ]
        let wrong = report.problems.filter { form.contains($0.check) }
        #expect(wrong == [], "\(directory)/\(name)")
        count += 1
        incomplete += report.problems.contains { $0.check == .undefinedSymbol } ? 1 : 0
      }
    }
    // A few want symbols of the one program that they are made for, a debugger's say.
    #expect(incomplete <= count / 20, "\(incomplete) of \(count)")
    #expect(count > 0)
  }

  @Test func `A weak symbol may stay undefined`() throws {
    let bytes = try Workshop.bytes(
      Source.good(with: "if (maybe) maybe();", "void maybe(void) __attribute__((weak));"))
    let report = strict.inspect(bytes: bytes, fileName: "weak.so")
    #expect(report.problems == [])
    #expect(report.imports.contains("maybe"))
  }

  @Test func `A sanitizer's symbols are the host's if it has that sanitizer`() throws {
    let bytes = try Workshop.bytes(Source.good(with: "__tsan_read8(0);", "void __tsan_read8(void *);"))
    for isSanitized in [false, true] {
      let inspector = Inspector(policy: InspectionPolicy(isHostSanitized: isSanitized))
      #expect((inspector.inspect(bytes: bytes, fileName: "tsan.so").verdict == .accepted) == isSanitized)
    }
  }

  @Test func `Another host has other exports and libraries`() {
    let none = Inspector(policy: InspectionPolicy(hostExports: [], allowedLibraries: [], allowedLibraryPrefixes: []))
    let report = none.inspect(bytes: goodPlugin, fileName: "good.so")
    #expect(report.problems.contains { $0.check == .undefinedSymbol && $0.message.hasPrefix("m_freem") })
  }
}
