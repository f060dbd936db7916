import CLibELF

/// How the file was hardened when it was linked: facts, nothing is refused for them.
public struct Hardening: Sendable, Equatable, Encodable {
  /// What the loader makes read-only after relocation.
  public enum RELRO: String, Sendable, Encodable {
    case none, partial, full
  }

  /// `full` is a `PT_GNU_RELRO` segment together with immediate binding.
  public var relro = RELRO.none
  /// All symbols are bound when the file is loaded (`DF_BIND_NOW`, `DF_1_NOW`).
  public var bindNow = false
  /// x86: indirect branches have landing pads (`GNU_PROPERTY_X86_FEATURE_1_IBT`).
  public var ibt = false
  /// x86: code is fit for a shadow stack (`GNU_PROPERTY_X86_FEATURE_1_SHSTK`).
  public var shstk = false
  /// AArch64: branch target identification.
  public var bti = false
  /// AArch64: pointer authentication.
  public var pac = false
  /// Some function checks a stack canary (`__stack_chk_fail` is imported).
  public var canary = false

  enum CodingKeys: String, CodingKey {
    case relro, ibt, shstk, bti, pac, canary
    case bindNow = "bind_now"
  }
}

extension Hardening {
  init(of image: ELFImage) {
    let flags = image.dynamic[DT_FLAGS] ?? 0
    let flags1 = image.dynamic[DT_FLAGS_1] ?? 0
    bindNow =
      flags & UInt64(DF_BIND_NOW) != 0 || flags1 & UInt64(DF_1_NOW) != 0 || image.dynamic[DT_BIND_NOW] != nil
    if image.segments.all.contains(where: { $0.p_type == UInt32(PT_GNU_RELRO) }) {
      relro = bindNow ? .full : .partial
    }
    canary = image.symbols.all.contains { $0.isUndefined && $0.name == "__stack_chk_fail" }

    let features = image.notes.reduce(UInt32.max) { $1.isGNUProperty ? $0 & $1.features : $0 }
    if image.notes.contains(where: \.isGNUProperty) {
      #if arch(x86_64)
        ibt = features & 1 != 0
        shstk = features & 2 != 0
      #else
        bti = features & 1 != 0
        pac = features & 2 != 0
      #endif
    }
  }
}
