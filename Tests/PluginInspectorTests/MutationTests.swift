import CLibELF
import Foundation
import Glibc
import Testing

import PluginInspector
import TestSupport

/// Any bytes whatever give a report.
@Suite struct MutationTests {
  /// Memory whose last byte lies before a page that nobody may touch: reading one byte too far is a fault.
  private final class Fence {
    private let base: UnsafeMutableRawPointer
    private let length: Int
    private let page = Int(getpagesize())

    init(capacity: Int) {
      length = (capacity + page - 1) / page * page
      base = mmap(nil, length + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      mprotect(base + length, page, PROT_NONE)
    }

    deinit { munmap(base, length + page) }

    func inspect(_ bytes: [UInt8], _ inspector: Inspector) -> InspectionReport {
      let start = base + (length - bytes.count)
      bytes.withUnsafeBytes { start.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: $0.count) }
      return inspector.inspect(
        bytes: UnsafeRawBufferPointer(start: start, count: bytes.count), fileName: "mutant.so")
    }
  }

  private static let interesting: [UInt64] = [
    0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 24, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0xffff,
    0x10000,
    0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_ffff, 0x8000_0000_0000,
    0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_ffff_fff8, 0xffff_ffff_ffff_ffff,
  ]

  /// Changes one to eight things: bits, bytes, numbers, blocks; now and then the length.
  private static func mutate(_ bytes: inout [UInt8], core: Int, _ random: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...8, using: &random) where bytes.count >= 64 {
      // Nearly all that is read lies in the headers and the dynamic tables.
      let limit = Int.random(in: 0..<4, using: &random) > 0 ? min(core, bytes.count) : bytes.count
      let place = Int.random(in: 0..<limit, using: &random)
      switch Int.random(in: 0..<8, using: &random) {
      case 0, 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 3, 4, 5:
        let width = [2, 4, 8].randomElement(using: &random)!
        let value =
          Bool.random(using: &random)
          ? interesting.randomElement(using: &random)! : UInt64.random(in: 0..<UInt64(bytes.count), using: &random)
        let start = place / width * width
        for index in 0..<width where start + index < bytes.count {
          bytes[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
      case 6:
        let length = [8, 16, 24, 56, 64].randomElement(using: &random)!
        let other = Int.random(in: 0..<limit, using: &random)
        for index in 0..<length where max(place, other) + index < bytes.count {
          bytes.swapAt(place + index, other + index)
        }
      default:
        if Int.random(in: 0..<8, using: &random) == 0 {
          bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
        }
      }
    }
  }

  @Test func `A hundred thousand spoiled plugins give a hundred thousand reports`() throws {
    let environment = ProcessInfo.processInfo.environment
    let seed = environment["NETISR_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
    // One thread works here: nothing for the thread sanitizer, which takes its time and memory all the same.
    let standard = CPlugin.sanitizer == "thread" ? 2_000 : 100_000
    let count = environment["NETISR_MUTATIONS"].flatMap { Int($0) } ?? standard
    print("mutations: NETISR_SEED=\(seed) NETISR_MUTATIONS=\(count)")
    var random = SeededGenerator(seed: seed)
    let inspector = Inspector()

    let shipped = try Workshop.read(Workshop.products.appending(path: "libnull.so").path)
    // Megabytes for debuggers, which the inspector but hashes.
    let workshop = try Workshop()
    let stripped = workshop.path("ip.so")
    try workshop.run(
      "objcopy", "--strip-debug", "--remove-section=.swift_ast", Workshop.products.appending(path: "libip.so").path,
      stripped)
    let swift = try Workshop.read(stripped)
    let originals = [(shipped, 9), (goodPlugin, 5), (richPlugin, 5), (swift, 1)].flatMap {
      Array(repeating: $0.0, count: $0.1)
    }
    let fence = Fence(capacity: originals.map(\.count).max()!)
    var accepted = 0
    for number in 0..<count {
      var bytes = originals[number % originals.count]
      Self.mutate(&bytes, core: 0x1000, &random)
      let report = fence.inspect(bytes, inspector)
      accepted += report.verdict == .accepted ? 1 : 0
      if (report.verdict == .accepted) != report.problems.isEmpty { Issue.record("verdict of \(number), seed \(seed)") }
    }
    // Most changes hit something that matters; some hit what nobody reads.
    #expect(accepted < count / 2)
  }

  @Test func `Every prefix of a plugin gives a report`() {
    let inspector = Inspector()
    let fence = Fence(capacity: goodPlugin.count)
    for length in 0..<goodPlugin.count {
      let report = fence.inspect(Array(goodPlugin.prefix(length)), inspector)
      #expect(report.problems.map(\.check).allSatisfy { $0 == (length < 4 ? .notELF : .truncated) })
      #expect(report.verdict == .refused)
    }
  }

  /// Sums of an address and a size are where a reader overflows; chance rarely gets there.
  @Test func `Tables at the end of all addresses give a report`() {
    for original in [goodPlugin, richPlugin] {
      for start in [UInt64.max - 0xfff, UInt64.max - 0x1fff, 1 << 63, (1 << 47) - 0x1000] as [UInt64] {
        for offset in [0, 0x400, UInt64.max - 0xfff] as [UInt64] {
          for entry in 0..<40 {
            let bytes = ELFPatcher.patch(original) {
              let segment = $0.segments(PT_GNU_EH_FRAME)[0]
              $0.store(UInt32(PT_LOAD), at: segment)
              $0.store(offset, at: segment + ELFPatcher.offset)
              $0.store(start, at: segment + ELFPatcher.address)
              $0.store(UInt64(0x1000), at: segment + ELFPatcher.fileSize)
              $0.store(UInt64(0x1000), at: segment + ELFPatcher.memorySize)
              let dynamic = Int($0.load($0.segments(PT_DYNAMIC)[0] + ELFPatcher.offset, as: UInt64.self))
              // A table's address, then perhaps its size in the entry after it.
              $0.store(start + 0x800, at: dynamic + 16 * entry + 8)
              if entry % 2 == 0 { $0.store(UInt64(0x800), at: dynamic + 16 * (entry + 1) + 8) }
            }
            #expect(Inspector().inspect(bytes: bytes, fileName: "end.so").verdict == .refused)
          }
        }
      }
    }
  }
}
