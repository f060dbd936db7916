// swift-tools-version: 6.3
import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [
    .package(name: "netisr", path: ".."), .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    // Loads, swaps and unloads a plugin under full load.
    .executableTarget(
      name: "Swaps",
      dependencies: [
        .product(name: "NetISR", package: "netisr"), .product(name: "PluginHost", package: "netisr"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)]),
    // Replays captures, mixed and by protocol.
    .executableTarget(name: "Replays", swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)]),
    // Two hosts' figures of `netisr bench`, taken in turns.
    .executableTarget(name: "Containment", swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)]),
    // Forwards between namespaces, beside the kernel.
    .executableTarget(name: "Forwarding", swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)]),
    // Looks at the machine code of the engine; its own, with mistakes put into it, shows that it would see them.
    .target(name: "CodegenControl", swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "Codegen", dependencies: ["CodegenControl"],
      swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)]),
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
