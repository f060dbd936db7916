// swift-tools-version: 6.3
import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "netisr", path: "..")],
  targets: [
    .executableTarget(
      name: "Instructions", dependencies: [.product(name: "NetISR", package: "netisr")],
      swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)],
      // Debian 12's valgrind gives up on DWARF 5.
      linkerSettings: [.unsafeFlags(["-Xlinker", "--strip-debug"])]),
    // Its model is a target of the package above.
    .executableTarget(
      name: "Simulate",
      dependencies: [.product(name: "NetISR", package: "netisr"), .product(name: "Simulation", package: "netisr")],
      swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)]),
  ]
)
