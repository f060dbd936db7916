import CLibELF

/// The hash table over the dynamic symbols: `DT_GNU_HASH`, or else `DT_HASH`, as the loader chooses.
struct SymbolHash {
  private enum Form {
    case gnu(
      bloom: UInt64, bloomWords: UInt32, bloomShift: UInt32, buckets: UInt64, chains: UInt64, firstSymbol: UInt32)
    case sysv(buckets: UInt64, chains: UInt64)
  }

  private let file: ELFFile
  private let form: Form
  private let bucketCount: UInt32
  /// Where the table's segment ends in the file.
  private let end: UInt64
  /// One more than the highest symbol that the table covers.
  let symbolCount: UInt64

  init?(_ file: ELFFile, _ segments: Segments, _ dynamic: DynamicSection, _ findings: inout Findings) {
    let isGNU = dynamic[DT_GNU_HASH] != nil
    guard let address = dynamic[DT_GNU_HASH] ?? dynamic[DT_HASH] else {
      findings.add(.headers, "expected a symbol hash table (DT_GNU_HASH or DT_HASH), found none")
      return nil
    }
    let name = isGNU ? "DT_GNU_HASH" : "DT_HASH"
    guard let (start, available) = segments.range(at: address), file.contains(start, available),
      let table = isGNU
        ? SymbolHash(gnu: file, at: start, available) : SymbolHash(sysv: file, at: start, available)
    else {
      findings.add(
        .headers, "expected a whole \(name) inside a loaded segment, found a broken one at \(String(hex: address))")
      return nil
    }
    self = table
  }

  private init?(gnu file: ELFFile, at start: UInt64, _ available: UInt64) {
    guard available >= 16, let header = file.records(UInt32.self, ELF_T_WORD, at: start, count: 4) else { return nil }
    let (bucketCount, firstSymbol, bloomWords) = (header[0], header[1], header[2])
    let buckets = 16 + UInt64(bloomWords) * 8
    let chains = buckets + UInt64(bucketCount) * 4
    // glibc asserts the power of two.
    guard bloomWords > 0, bloomWords & (bloomWords - 1) == 0, chains <= available,
      let heads = file.records(UInt32.self, ELF_T_WORD, at: start + buckets, count: UInt64(bucketCount))
    else { return nil }
    self.file = file
    self.bucketCount = bucketCount
    end = start + available
    form = .gnu(
      bloom: start + 16, bloomWords: bloomWords, bloomShift: header[3], buckets: start + buckets,
      chains: start + chains, firstSymbol: firstSymbol)

    guard let last = heads.max(), last != 0 else {
      symbolCount = UInt64(firstSymbol)
      return
    }
    guard last >= firstSymbol, heads.allSatisfy({ $0 == 0 || $0 >= firstSymbol }) else { return nil }
    var index = UInt64(last)
    while true {
      let position = start + chains + (index - UInt64(firstSymbol)) * 4
      guard position + 4 <= end, let value = file.load(UInt32.self, at: position) else { return nil }
      index += 1
      if value & 1 != 0 { break }
    }
    symbolCount = index
  }

  private init?(sysv file: ELFFile, at start: UInt64, _ available: UInt64) {
    guard available >= 8, let header = file.records(UInt32.self, ELF_T_WORD, at: start, count: 2) else { return nil }
    let chains = 8 + UInt64(header[0]) * 4
    guard chains + UInt64(header[1]) * 4 <= available else { return nil }
    self.file = file
    bucketCount = header[0]
    end = start + available
    form = .sysv(buckets: start + 8, chains: start + chains)
    symbolCount = UInt64(header[1])
  }

  /// Indices of the symbols that may have the name, in the loader's order.
  func candidates(for name: String) -> [Int] {
    guard bucketCount > 0 else { return [] }
    switch form {
    case .gnu(let bloom, let bloomWords, let bloomShift, let buckets, let chains, let firstSymbol):
      let hash = name.utf8.reduce(UInt32(5381)) { $0 &* 33 &+ UInt32($1) }
      let word = file.load(UInt64.self, at: bloom + UInt64(hash / 64 & (bloomWords - 1)) * 8) ?? 0
      guard word >> UInt64(hash % 64) & word >> UInt64((hash &>> bloomShift) % 64) & 1 != 0 else { return [] }
      return gnuChain(hash, from: buckets + UInt64(hash % bucketCount) * 4, chains, firstSymbol)
    case .sysv(let buckets, let chains):
      let hash = name.utf8.reduce(UInt32(0)) { hash, byte in
        let shifted = hash << 4 &+ UInt32(byte)
        let high = shifted & 0xf000_0000
        return (shifted ^ high >> 24) & ~high
      }
      return sysvChain(from: buckets + UInt64(hash % bucketCount) * 4, chains)
    }
  }

  private func gnuChain(_ hash: UInt32, from bucket: UInt64, _ chains: UInt64, _ firstSymbol: UInt32) -> [Int] {
    guard var index = file.load(UInt32.self, at: bucket).map(UInt64.init), index >= UInt64(firstSymbol), index != 0
    else { return [] }
    var found: [Int] = []
    while true {
      let position = chains + (index - UInt64(firstSymbol)) * 4
      guard position + 4 <= end, let value = file.load(UInt32.self, at: position) else { return found }
      if value | 1 == hash | 1 { found.append(Int(index)) }
      if value & 1 != 0 { return found }
      index += 1
    }
  }

  /// A chain may run in a circle: it has at most as many links as there are symbols.
  private func sysvChain(from bucket: UInt64, _ chains: UInt64) -> [Int] {
    var found: [Int] = []
    var index = file.load(UInt32.self, at: bucket) ?? 0
    while index != 0, UInt64(index) < symbolCount, UInt64(found.count) < symbolCount {
      found.append(Int(index))
      index = file.load(UInt32.self, at: chains + UInt64(index) * 4) ?? 0
    }
    return found
  }
}
