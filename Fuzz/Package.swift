// swift-tools-version: 6.3
import PackageDescription

/// Feeds the targets with what libFuzzer thinks up. `make fuzz` has it all built as it must be: with the address sanitizer
/// and coverage, and so are the plugins.
let package = Package(
  name: "Fuzz",
  dependencies: [.package(name: "netisr", path: "..")],
  targets: [
    .executableTarget(
      name: "Fuzz", dependencies: [.product(name: "FuzzTargets", package: "netisr")],
      swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)],
      linkerSettings: [.linkedLibrary("clang_rt.fuzzer_no_main-x86_64"), .linkedLibrary("stdc++")])
  ]
)
