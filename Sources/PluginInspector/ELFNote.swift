import CLibELF

/// One note of a `PT_NOTE` segment (gABI, "Note Section").
struct ELFNote {
  let type: UInt32
  /// With its NUL, as it stands in the file.
  let name: [UInt8]
  let content: [UInt8]
  /// Where its header lies in the file.
  let offset: UInt64

  var isGNU: Bool { name == Array("GNU\0".utf8) }
  var isBuildID: Bool { isGNU && type == UInt32(NT_GNU_BUILD_ID) }
  var isGNUProperty: Bool { isGNU && type == UInt32(NT_GNU_PROPERTY_TYPE_0) }

  /// The machine's feature bits of a property note: `GNU_PROPERTY_X86_FEATURE_1_AND` and its AArch64 sister.
  ///
  /// A property is a type and a size of 4 bytes each, then the value, padded to 8 (Linux gABI extensions).
  var features: UInt32 {
    #if arch(x86_64)
      let wanted: UInt32 = 0xc000_0002
    #else
      let wanted: UInt32 = 0xc000_0000
    #endif
    var rest = content[...]
    while rest.count >= 12 {
      let type = Self.word(rest)
      let size = Int(Self.word(rest.dropFirst(4)))
      rest = rest.dropFirst(8)
      if type == wanted && size >= 4 { return Self.word(rest) }
      rest = rest.dropFirst((size + 7) & ~7)
    }
    return 0
  }

  /// The first four bytes as a little-endian number.
  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
