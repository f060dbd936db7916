import CLibELF
import Glibc

/// Bytes in, report out: may this file be loaded as a plugin, and may its image ever be unmapped?
///
/// Loading a shared object runs code of it (constructors, IFUNC resolvers) before anybody can ask what it is; a missing
/// symbol is found half way through; and dlclose(3) succeeds where it does nothing. So all of it is decided before, on
/// the bytes alone, and no code of the plugin runs here.
///
/// - The input is bytes, not a path. The caller loads those same bytes (from a sealed memory file), so that nobody can
///   exchange a file between the inspection and the loading of it.
/// - What counts is what the loader goes by: program headers and the dynamic segment, read at its addresses, with the hash
///   table deciding which symbols exist. Section headers may be stripped, or lie (see ``SectionHints``).
/// - Where the loader trusts a file, we do not: what glibc would assert, and end the process for, is refused here.
/// - A file can be wrong in many ways at once, and its author wants to know all of them: no check ends the inspection,
///   except that what cannot be read cannot be judged.
///
/// Any bytes whatever give a report. Numbers from the file are checked against its size before use, sums of them are made
/// with overflow checks, lists go forward only, and what could be long has a bound.
///
/// [any thread]
public struct Inspector: Sendable {
  /// What the host lets a plugin have.
  public let policy: InspectionPolicy

  /// An inspector that goes by `policy`.
  public init(policy: InspectionPolicy = InspectionPolicy()) {
    self.policy = policy
  }

  /// Inspects a file's bytes.
  ///
  /// Needed libraries are looked up in the file system: their symbols decide whether the loader would find the plugin's.
  ///
  /// - Parameters:
  ///   - bytes: The whole file; they must not change while this runs.
  ///   - fileName: What the report calls the file.
  ///   - permissions: Findings about the file's owner and mode, see ``FilePermissions``.
  ///   - signature: What there is beside the file, where the policy has an eye on signatures.
  public func inspect(
    bytes: UnsafeRawBufferPointer, fileName: String, permissions: [InspectionReport.Finding] = [],
    signature: SignatureFile? = nil
  ) -> InspectionReport {
    var report = unsafe InspectionReport(file: fileName, sha256: SHA256.hexDigest(of: bytes))
    var findings = Findings()
    for problem in permissions { findings.add(problem.check, problem.message) }
    if let signatures = policy.signatures {
      report.signedBy = unsafe SignatureCheck.check(bytes, signature, signatures, &findings)?.description
    }

    if unsafe IdentityChecks.check(bytes, &findings) {
      if let file = unsafe ELFFile(bytes) {
        inspect(file, &report, &findings)
      } else {
        findings.add(.headers, "expected headers that libelf can read, found broken ones")
      }
    }
    report.problems = findings.problems
    report.notes = findings.notes
    let isAccepted = report.problems.isEmpty && (report.notes.isEmpty || !policy.isStrict)
    report.verdict = isAccepted ? .accepted : .refused
    return report
  }

  /// Inspects bytes that are held in an array.
  public func inspect(bytes: [UInt8], fileName: String) -> InspectionReport {
    unsafe bytes.withUnsafeBytes { unsafe inspect(bytes: $0, fileName: fileName) }
  }

  private func inspect(_ file: ELFFile, _ report: inout InspectionReport, _ findings: inout Findings) {
    report.residentReasons = ["the file cannot be read"]
    IdentityChecks.check(file.header, &findings)
    let segments = HeaderChecks.segments(file, &findings)
    // Of a part of a file, the rest would only look wrong in a hundred other ways.
    guard !findings.contains(.truncated), !segments.all.isEmpty else { return }
    HeaderChecks.check(segments, &findings)

    let image = ELFImage(file, segments: segments, &findings)
    image.checkDynamic(&findings)
    IdentityChecks.checkNotExecutable(image, &findings)
    MemoryChecks.check(image, &findings)
    ABINoteReader.read(image, &report, &findings)
    checkSymbols(image, &findings)
    LibraryChecks.checkRunPath(image, &findings)
    ConstructorChecks.check(image, policy, &findings)
    describe(image, &report)
  }

  private func checkSymbols(_ image: ELFImage, _ findings: inout Findings) {
    SymbolChecks.checkRegistration(image, &findings)
    SymbolChecks.checkExports(image, policy, &findings)
    SymbolChecks.checkImports(image, policy, &findings)
    // Another machine's libraries are not here to be asked.
    guard !findings.contains(.machine) else { return }
    let libraries = LibraryChecks.checkNeeded(image, policy, &findings)
    SymbolChecks.checkUndefined(image, policy, libraries, &findings)
  }

  private func describe(_ image: ELFImage, _ report: inout InspectionReport) {
    report.buildID = image.notes.first(where: \.isBuildID).map { String(hexOf: $0.content) }
    report.imports = image.symbols.all.filter { $0.isUndefined && !$0.name.isEmpty }.map(\.name).sorted()
    report.exports = image.symbols.all.filter { $0.isExported && !$0.name.isEmpty }.map(\.name).sorted()
    report.needed = image.needed
    report.hardening = Hardening(of: image)
    report.residentReasons = UnmapVerdict.reasons(image)
    report.unload = report.residentReasons.isEmpty ? .unmaps : .resident
  }
}
