import CLibELF
import CNetISR
import Testing

import PluginInspector

/// A file that fails one check, and no other.
struct Sample: Sendable, CustomTestStringConvertible {
  let check: InspectionCheck
  let label: String
  let make: @Sendable () throws -> [UInt8]

  init(_ check: InspectionCheck, _ label: String, _ make: @escaping @Sendable () throws -> [UInt8]) {
    self.check = check
    self.label = label
    self.make = make
  }

  /// The good plugin with some bytes changed.
  init(_ check: InspectionCheck, _ label: String, patch: @escaping @Sendable (inout ELFPatcher) -> Void) {
    self.init(check, label) { ELFPatcher.patch(goodPlugin, patch) }
  }

  /// A plugin of its own.
  init(_ check: InspectionCheck, _ label: String, source: String, flags: [String] = []) {
    self.init(check, label) { try Workshop.bytes(source, flags) }
  }

  var testDescription: String { "\(check.rawValue): \(label)" }

  static let all = identity + headers + note + symbols + libraries + memory + notes
}

extension Sample {
  private static let identity: [Sample] = [
    Sample(.notELF, "empty") { [] },
    Sample(.notELF, "text") { Array("#!/bin/sh\necho hello\n".utf8) },
    Sample(.notELF, "archive") { Array("!<arch>\n".utf8) + goodPlugin },
    Sample(.notELF, "damaged magic") { $0.bytes[3] = 0x47 },
    Sample(.truncated, "within the ELF header") { Array(goodPlugin.prefix(63)) },
    Sample(.truncated, "only the magic") { Array(goodPlugin.prefix(4)) },
    Sample(.truncated, "only the ELF header") { Array(goodPlugin.prefix(64)) },
    Sample(.truncated, "half") { Array(goodPlugin.prefix(goodPlugin.count / 2)) },
    Sample(.truncated, "one byte short") { Array(goodPlugin.dropLast()) },
    Sample(.truncated, "a segment beyond the end") {
      $0.store(UInt64(1 << 30), at: $0.segments(PT_NOTE)[0] + ELFPatcher.offset)
    },
    Sample(.elfClass, "32-bit") { $0.bytes[4] = 1 },
    Sample(.elfClass, "none") { $0.bytes[4] = 0 },
    Sample(.byteOrder, "big endian") { $0.bytes[5] = 2 },
    Sample(.machine, "another") { $0.store(UInt16(EM_RISCV), at: ELFPatcher.machine) },
    Sample(.elfType, "ET_EXEC") { $0.store(UInt16(ET_EXEC), at: ELFPatcher.type) },
    Sample(.elfType, "ET_REL") { $0.store(UInt16(ET_REL), at: ELFPatcher.type) },
    Sample(
      .elfType, "position-independent executable", source: Source.good + "int main(void) { return (0); }\n",
      flags: ["-pie", "-rdynamic", "-Wl,--unresolved-symbols=ignore-all"]),
  ]

  private static let headers: [Sample] = [
    Sample(.headers, "size of a program header") { $0.store(UInt16(57), at: ELFPatcher.segmentSize) },
    Sample(.headers, "no program headers") { $0.store(UInt16(0), at: ELFPatcher.segmentCount) },
    Sample(.headers, "program headers without number") { $0.store(UInt16(0xffff), at: ELFPatcher.segmentCount) },
    Sample(.headers, "ELF version") { $0.bytes[6] = 2 },
    Sample(.headers, "OS ABI") { $0.bytes[7] = 9 },
    Sample(.headers, "alignment is no power of two") {
      $0.store(UInt64(12288), at: $0.writableSegment + ELFPatcher.alignment)
    },
    Sample(.headers, "alignment below a page") {
      $0.store(UInt64(16), at: $0.segments(PT_LOAD)[0] + ELFPatcher.alignment)
    },
    Sample(.headers, "address and offset disagree") {
      $0.store(UInt64(1 << 21), at: $0.executableSegment + ELFPatcher.alignment)
    },
    Sample(.headers, "more bytes than memory") {
      let segment = $0.executableSegment
      $0.store($0.load(segment + ELFPatcher.fileSize, as: UInt64.self) - 1, at: segment + ELFPatcher.memorySize)
    },
    Sample(.headers, "past the end of all addresses") {
      $0.store(UInt64.max - 0x10000, at: $0.segments(PT_LOAD).last! + ELFPatcher.memorySize)
    },
    Sample(.headers, "offset and size overflow") {
      $0.store(UInt64.max - 7, at: $0.segments(PT_GNU_EH_FRAME)[0] + ELFPatcher.offset)
    },
    Sample(.headers, "segments in the wrong order") {
      let loads = $0.segments(PT_LOAD)
      for byte in 0..<56 { $0.bytes.swapAt(loads[0] + byte, loads[1] + byte) }
    },
    Sample(.headers, "segments on one page") {
      let size = $0.segments(PT_LOAD)[2] + ELFPatcher.memorySize
      $0.store($0.load(size, as: UInt64.self) + 1, at: size)
    },
    Sample(.headers, "two dynamic segments") {
      $0.store(UInt32(PT_DYNAMIC), at: $0.segments(PT_GNU_EH_FRAME)[0])
    },
    Sample(.headers, "thread-local storage outside of the image") {
      let segment = $0.segments(PT_GNU_EH_FRAME)[0]
      $0.store(UInt32(PT_TLS), at: segment)
      $0.store(UInt64(1 << 40), at: segment + ELFPatcher.address)
    },
    Sample(.headers, "dynamic segment not where its address says") {
      let segment = $0.segments(PT_DYNAMIC)[0]
      $0.store($0.load(segment + ELFPatcher.offset, as: UInt64.self) + 16, at: segment + ELFPatcher.offset)
    },
    Sample(.headers, "dynamic segment without an end") {
      let segment = $0.segments(PT_DYNAMIC)[0]
      $0.store($0.load(segment + ELFPatcher.fileSize, as: UInt64.self) - 16, at: segment + ELFPatcher.fileSize)
    },
    Sample(.headers, "a tag twice") { $0.store(Int64(DT_RELACOUNT), at: $0.dynamic(DT_RELAENT)!) },
    Sample(.headers, "size of a symbol") { $0.store(UInt64(16), at: $0.dynamic(DT_SYMENT)! + 8) },
    Sample(.headers, "relocations without addends") { $0.store(UInt64(DT_REL), at: $0.dynamic(DT_PLTREL)! + 8) },
    Sample(.headers, "relocation table outside of the image") {
      $0.store(UInt64(1 << 40), at: $0.dynamic(DT_JMPREL)! + 8)
    },
    Sample(.headers, "relocation of nothing") {
      $0.store(UInt64(1 << 40), at: $0.fileOffset(of: $0.dynamicValue(DT_JMPREL)))
    },
    Sample(.headers, "unknown relocation") {
      $0.store(UInt32(255), at: $0.fileOffset(of: $0.dynamicValue(DT_JMPREL)) + 8)
    },
    Sample(.headers, "DT_INIT in data") {
      $0.store($0.load($0.writableSegment + ELFPatcher.address, as: UInt64.self), at: $0.dynamic(DT_INIT)! + 8)
    },
    Sample(.headers, "DT_FINI_ARRAY outside of the image") {
      $0.store(UInt64(1 << 40), at: $0.dynamic(DT_FINI_ARRAY)! + 8)
    },
    Sample(.headers, "a name outside of the string table") {
      $0.store(UInt32.max, at: $0.symbol("_ITM_registerTMCloneTable"))
    },
    Sample(.headers, "a section's names in no section") { $0.store(UInt16.max, at: 62) },
    Sample(.headers, "version needs in a circle") {
      $0.store(UInt64(2), at: $0.dynamic(DT_VERNEEDNUM)! + 8)
    },
    Sample(.headers, "a note longer than its segment") {
      // The note after the ABI note is the build-id's.
      $0.store(UInt32(4096), at: $0.note + 72 + 4)
    },
  ]

  private static let note: [Sample] = [
    Sample(.abiNote, "none", source: "#include <netisr_plugin.h>\n" + Source.handler + Source.register),
    Sample(.abiNote, "no segment for it") { $0.store(UInt32(PT_NULL), at: $0.segments(PT_NOTE)[0]) },
    Sample(
      .abiNote, "two",
      source: Source.good
        + """
        __attribute__((section(NETISR_NOTE_SECTION), used, aligned(4)))
        static const struct netisr_abi_note another = {
            7, sizeof(struct netisr_abi), 1, "NetISR",
            {NETISR_NOTE_MAGIC, sizeof(struct netisr_abi), NETISR_ABI_MAJOR, NETISR_ABI_MINOR,
             sizeof(struct netisr_handler), sizeof(struct mbuf), 12, 1, 0, 1, "other"}};
        """),
    Sample(.abiNote, "type") { $0.store(UInt32(2), at: $0.note + 8) },
    Sample(.abiNote, "another case") { $0.bytes[$0.note + 12] = UInt8(ascii: "n") },
    Sample(.abiNote, "name without NUL") { $0.store(UInt32(6), at: $0.note) },
    Sample(.abiNote, "size of the descriptor") {
      $0.store(UInt32(48), at: $0.note + 4)
      // The four bytes left over would begin a note: move the segment's start past them is no option, so end it here.
      $0.store(UInt64(20 + 48), at: $0.segments(PT_NOTE)[0] + ELFPatcher.fileSize)
    },
    Sample(.abiNote, "magic") { $0.store(UInt32(0x4e49_5353), at: $0.descriptor) },
    Sample(.abiNote, "size field") { $0.store(UInt32(56), at: $0.descriptor + 4) },
    Sample(.abiNote, "flags") { $0.store(UInt32(1), at: $0.descriptor + 28) },
    Sample(.abiNote, "name empty") {
      $0.bytes.replaceSubrange($0.descriptor + 36..<$0.descriptor + 40, with: [0, 0, 0, 0])
    },
    Sample(.abiNote, "name in capitals") { $0.bytes[$0.descriptor + 36] = UInt8(ascii: "M") },
    Sample(.abiNote, "name with a slash") { $0.bytes[$0.descriptor + 37] = UInt8(ascii: "/") },
    Sample(.abiNote, "name unterminated") {
      $0.bytes.replaceSubrange($0.descriptor + 36..<$0.descriptor + 52, with: [UInt8](repeating: 97, count: 16))
    },
    Sample(.abiNote, "name with something after it") { $0.bytes[$0.descriptor + 51] = 97 },
    Sample(.abiVersion, "newer major") { $0.store(UInt16(2), at: $0.descriptor + 8) },
    Sample(.abiVersion, "older major") { $0.store(UInt16(0), at: $0.descriptor + 8) },
    Sample(.abiVersion, "newer minor") { $0.store(UInt16(NETISR_ABI_MINOR + 1), at: $0.descriptor + 10) },
    Sample(.structSize, "handler") { $0.store(UInt32(96), at: $0.descriptor + 12) },
    Sample(.structSize, "mbuf") { $0.store(UInt32(224), at: $0.descriptor + 16) },
    Sample(.protocolNumber, "0") { $0.store(UInt32(0), at: $0.descriptor + 20) },
    Sample(.protocolNumber, "16") { $0.store(UInt32(16), at: $0.descriptor + 20) },
  ]

  private static let symbols: [Sample] = [
    Sample(.registrationSymbol, "none", source: Source.note + "void m_freem(struct mbuf *);\n", flags: ["-lc"]),
    Sample(.registrationSymbol, "hidden") { $0.bytes[$0.symbol("netisr_plugin_register") + 5] = UInt8(STV_HIDDEN) },
    Sample(
      .registrationSymbol, "weak",
      source: Source.note + Source.handler
        + "int netisr_plugin_register(struct netisr_handler *) __attribute__((weak));\n" + Source.register),
    Sample(
      .registrationSymbol, "an object",
      source: "#define netisr_plugin_register renamed\n" + Source.note
        + "#undef netisr_plugin_register\nint netisr_plugin_register = 1;\n"),
    Sample(
      .registrationSymbol, "thread-local"
    ) {
      let type = $0.symbol("netisr_plugin_register") + 4
      $0.bytes[type] = $0.bytes[type] & 0xf0 | UInt8(STT_TLS)
    },
    Sample(.registrationSymbol, "in data") {
      $0.store(
        $0.load($0.writableSegment + ELFPatcher.address, as: UInt64.self), at: $0.symbol("netisr_plugin_register") + 8)
    },
    Sample(.registrationSymbol, "nowhere") {
      $0.store(UInt64.max - 4, at: $0.symbol("netisr_plugin_register") + 8)
    },
    Sample(.registrationSymbol, "an absolute value") {
      $0.store(UInt16(SHN_ABS), at: $0.symbol("netisr_plugin_register") + 6)
    },
    Sample(.registrationSymbol, "not in the hash table") {
      let table = $0.fileOffset(of: $0.dynamicValue(DT_GNU_HASH))
      let words = Int($0.load(table + 8, as: UInt32.self))
      for word in 0..<words { $0.store(UInt64(0), at: table + 16 + 8 * word) }
    },
    Sample(
      .undefinedSymbol, "nobody's", source: Source.good(with: "no_such_function();", "void no_such_function(void);")),
    Sample(
      .undefinedSymbol, "of Swift's Unicode tables",
      source: Source.good(
        with: "use = &_swift_stdlib_nfd_decompositions;",
        "extern const char _swift_stdlib_nfd_decompositions; const char *use;")),
    Sample(
      .undefinedSymbol, "in a library that is not needed",
      source: Source.good(with: "use = SHA256File;", "extern char *SHA256File(const char *, char *); void *use;")),
    Sample(.undefinedSymbol, "in no version that is there") {
      var patcher = ELFPatcher(
        try Workshop.bytes(Source.good(with: "use = qsort;", "#include <stdlib.h>\nvoid *use;"), ["-lc"]))
      let version = patcher.find("GLIBC_2.")
      patcher.bytes.replaceSubrange(version..<version + 8, with: Array("GLIBC_X.".utf8))
      return patcher.bytes
    },
  ]

  private static let libraries: [Sample] = [
    Sample(.neededLibrary, "not allowed") { try needing("libstranger.so.1") },
    Sample(.neededLibrary, "a path") { try needing("/usr/lib/libc.so.6") },
    Sample(.neededLibrary, "allowed and not there") { try needing("libswiftNowhere.so") },
    Sample(
      .neededLibrary, "a filter", source: Source.good, flags: ["-Wl,--filter=libc.so.6"]),
    Sample(.runPath, "relative", source: Source.good, flags: ["-Wl,-rpath,lib"]),
    Sample(.runPath, "relative in DT_RPATH", source: Source.good, flags: ["-Wl,-rpath,./lib,--disable-new-dtags"]),
    Sample(.runPath, "an empty entry", source: Source.good, flags: ["-Wl,-rpath,/usr/lib:"]),
    Sample(.runPath, "relative after absolute", source: Source.good, flags: ["-Wl,-rpath,/usr/lib:lib"]),
    Sample(.runPath, "much like $ORIGIN", source: Source.good, flags: ["-Wl,-rpath,$ORIGINAL/lib"]),
    Sample(
      .runPath, "the working directory in disguise", source: Source.good, flags: ["-Wl,-rpath,$ORIGIN/../cwd"]),
  ]

  /// A good plugin that needs a library of the name, and nothing in it.
  private static func needing(_ name: String) throws -> [UInt8] {
    let workshop = try Workshop()
    let library = try workshop.build("int nothing;\n", ["-Wl,-soname,\(name)"], output: "needed.so")
    return try Workshop.read(workshop.build(Source.good, ["-Wl,--no-as-needed", library]))
  }

  private static let textRelocation = Source.good + "__asm__(\".text\\n.quad more_data\\n\"); int more_data = 1;\n"

  private static let memory: [Sample] = [
    Sample(.textRelocation, "by the linker", source: textRelocation, flags: ["-Wl,-z,notext,-Bsymbolic"]),
    Sample(.textRelocation, "without a word of it") {
      let bytes = try Workshop.bytes(textRelocation, ["-Wl,-z,notext,-Bsymbolic"])
      return ELFPatcher.patch(bytes) {
        if let tag = $0.dynamic(DT_TEXTREL) { $0.store(Int64(DT_DEBUG), at: tag) }
        if let flags = $0.dynamic(DT_FLAGS) { $0.store(UInt64(0), at: flags + 8) }
      }
    },
    Sample(.textRelocation, "DF_TEXTREL") {
      let bytes = try Workshop.bytes(Source.good, ["-Wl,-z,now"])
      return ELFPatcher.patch(bytes) { $0.store(UInt64(DF_BIND_NOW | DF_TEXTREL), at: $0.dynamic(DT_FLAGS)! + 8) }
    },
    Sample(.writableExecutable, "code") { $0.bytes[$0.executableSegment + ELFPatcher.flags] = 7 },
    Sample(.writableExecutable, "data") { $0.bytes[$0.writableSegment + ELFPatcher.flags] = 7 },
    Sample(.executableStack, "asked for", source: Source.good, flags: ["-Wl,-z,execstack"]),
    Sample(.executableStack, "not denied") { $0.store(UInt32(PT_NULL), at: $0.segments(PT_GNU_STACK)[0]) },
  ]

  private static let notes: [Sample] = [
    Sample(
      .constructor, "attribute",
      source: Source.good + "volatile int count; __attribute__((constructor)) static void early(void) { count++; }\n"),
    Sample(
      .constructor, "DT_INIT", source: Source.good + "volatile int count; void early(void) { count++; }\n",
      flags: ["-Wl,-init=early"]),
    Sample(
      .constructor, "an indirect function",
      source: Source.good
        + """
        int one(void) { return (1); }
        static void *pick(void) { return ((void *)one); }
        int chosen(void) __attribute__((ifunc("pick")));
        """),
    Sample(
      .constructor, "an indirect function of its own",
      source: Source.good
        + """
        static int one(void) { return (1); }
        static void *pick(void) { return ((void *)one); }
        __attribute__((visibility("hidden"))) int chosen(void) __attribute__((ifunc("pick")));
        int use(void) { return (chosen()); }
        """, flags: ["-O0"]),
    Sample(
      .symbolCollision, "m_free", source: Source.good + "struct mbuf *m_free(struct mbuf *m) { return (m); }\n"),
    Sample(
      .sensitiveImport, "system", source: Source.good(with: "(void)!system(\"true\");", "#include <stdlib.h>"),
      flags: ["-lc"]),
    Sample(.sensitiveImport, "abort", source: Source.good(with: "abort();", "#include <stdlib.h>"), flags: ["-lc"]),
    Sample(
      .sensitiveImport, "pthread_create",
      source: Source.good(with: "pthread_create(0, 0, 0, 0);", "#include <pthread.h>"), flags: ["-lc", "-w"]),
  ]
}
