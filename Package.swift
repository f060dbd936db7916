// swift-tools-version: 6.3
import PackageDescription

/// What is on a packet's way is optimised in debug builds as well, which the tests are: they send millions. To step
/// through it, say `swift build -Xswiftc -Onone -Xcc -O0`.
let optimized: SwiftSetting = .unsafeFlags(["-O"], .when(configuration: .debug))

let c: [CSetting] = [.unsafeFlags(["-O2"], .when(configuration: .debug))]

/// Code that runs inside a plugin: Embedded Swift, with no runtime and no metadata, so that dlclose() really unmaps.
let embedded: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded"),
  .enableExperimentalFeature("Lifetimes"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  optimized,
]

/// Code of the host.
let host: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  optimized,
]

/// Strict memory safety stays off in tests: the expansion of `#expect` warns under it.
let test: [SwiftSetting] = []

/// What a plugin may be linked with: its exported symbols are a reviewed list, and anything undefined that is not the
/// host's is the inspector's to find.
let pluginLinker: [LinkerSetting] = [
  .unsafeFlags([
    "-use-ld=lld",
    "-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/exports.map",
    "-Xlinker", "--build-id=sha1",
    "-Xlinker", "-z", "-Xlinker", "relro", "-Xlinker", "-z", "-Xlinker", "now",
  ])
]

/// One protocol: a folder under `Plugins`, and the shared object `lib<name>.so` made of it.
func plugin(_ folder: String) -> Target {
  .target(
    name: "\(folder)Plugin", dependencies: ["NetISRPlugin"], path: "Plugins/\(folder)",
    swiftSettings: embedded, linkerSettings: pluginLinker)
}

let package = Package(
  name: "netisr",
  products: [
    // The engine, and what loads plugins into it, for programs of one's own: the benchmarks are some.
    .library(name: "NetISR", targets: ["NetISR", "CNetISR"]),
    .library(name: "Simulation", targets: ["Simulation"]),
    .library(name: "PluginHost", targets: ["PluginHost"]),
    .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
    .library(name: "ether", type: .dynamic, targets: ["EtherPlugin"]),
    .library(name: "ip", type: .dynamic, targets: ["IPPlugin"]),
    .library(name: "ip6", type: .dynamic, targets: ["IP6Plugin"]),
    .library(name: "arp", type: .dynamic, targets: ["ARPPlugin"]),
    .library(name: "igmp", type: .dynamic, targets: ["IGMPPlugin"]),
    .library(name: "natm", type: .dynamic, targets: ["NATMPlugin"]),
    .library(name: "route", type: .dynamic, targets: ["RoutePlugin"]),
    .library(name: "epair", type: .dynamic, targets: ["EPairPlugin"]),
    .library(name: "udpecho", type: .dynamic, targets: ["UDPEchoPlugin"]),
    .library(name: "null", type: .dynamic, targets: ["CNullPlugin"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // The contract, and what host and plugins are made of.
    .target(name: "CNetISR", cSettings: c),
    .target(name: "CNetISRHost", dependencies: ["CNetISR"], cSettings: c),
    .target(name: "NetISRPlugin", dependencies: ["CNetISR"], swiftSettings: embedded),
    .target(
      name: "NetISR", dependencies: ["CNetISR", "CNetISRHost"], exclude: ["exports.dynlist"], swiftSettings: host,
      linkerSettings: [
        .unsafeFlags([
          "-use-ld=lld",
          "-Xlinker", "--dynamic-list=\(Context.packageDirectory)/Sources/NetISR/exports.dynlist",
        ])
      ]),

    // Tries that can be repeated: the probe's, the simulation's, the tests'.
    .target(name: "SeededRandom", swiftSettings: host),

    // Libraries of the system.
    .systemLibrary(name: "CLibELF", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
    .systemLibrary(name: "CLibPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
    .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CLibMD", pkgConfig: "libmd", providers: [.apt(["libmd-dev"])]),
    .systemLibrary(name: "CLibSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),

    // The host.
    .target(
      name: "PluginInspector", dependencies: ["CNetISR", "CLibELF", "CLibMD", "CLibSodium"], swiftSettings: host),
    .target(name: "CPacketIO", dependencies: ["CNetISR"], cSettings: c),
    .target(name: "PacketIO", dependencies: ["NetISR", "CLibPcap", "CPacketIO"], swiftSettings: host),
    .target(
      name: "PluginHost",
      dependencies: ["NetISR", "PluginInspector", "CNetISRHost", .product(name: "Logging", package: "swift-log")],
      swiftSettings: host),
    .target(
      name: "ControlPlane",
      dependencies: [
        "NetISR", "PacketIO", "CPacketIO", "CLibYAML", "PluginHost", "PluginInspector", "SeededRandom",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      swiftSettings: host),

    // Measuring: a peer built as the original is, and the harness.
    .target(name: "CBaseline", dependencies: ["CNetISR"], cSettings: c),
    .target(name: "CEngineBench", dependencies: ["CNetISR"], cSettings: c),
    .target(
      name: "EngineBench", dependencies: ["NetISR", "CNetISR", "CBaseline", "CEngineBench"],
      swiftSettings: host),

    // Beside the benchmarks that print it; here, because it is tested.
    .target(
      name: "Simulation", dependencies: ["NetISR", "CNetISR", "PacketIO", "SeededRandom"],
      path: "Benchmarks/Sources/Simulation", swiftSettings: host),

    // What takes bytes of strangers; beside the program that thinks them up, and here, because what that has found is tested.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "ControlPlane", "NetISR", "CNetISR", "CNetISRHost", "PacketIO", "PluginHost", "PluginInspector",
        .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      path: "Fuzz/Sources/FuzzTargets", swiftSettings: host),

    .executableTarget(
      name: "netisr",
      dependencies: [
        "ControlPlane", "EngineBench", "PluginInspector",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: host,
      // A static standard library comes with -export-dynamic, which would export more than the reviewed list.
      linkerSettings: [.unsafeFlags(["-Xlinker", "--no-export-dynamic"])]),

    // The protocols.
    plugin("Ether"), plugin("IP"), plugin("IP6"), plugin("ARP"), plugin("IGMP"), plugin("NATM"), plugin("Route"),
    plugin("EPair"),
    // Handlers above them.
    plugin("UDPEcho"),
    .target(
      name: "CNullPlugin", dependencies: ["CNetISR"], path: "Plugins/CNull",
      // Linked as the Embedded plugins are: without the Swift runtime.
      linkerSettings: pluginLinker + [.unsafeFlags(["-enable-experimental-feature", "Embedded"])]),

    // Tests, through the real thing.
    .target(name: "CTestSupport", path: "Tests/CTestSupport", cSettings: c),
    .target(
      name: "TestSupport", dependencies: ["NetISR", "CNetISR", "PluginHost", "SeededRandom", "CTestSupport"],
      path: "Tests/TestSupport", swiftSettings: [optimized]),
    .testTarget(name: "NetISRTests", dependencies: ["NetISR", "TestSupport"], swiftSettings: test),
    .testTarget(
      name: "StressTests",
      dependencies: [
        "NetISR", "PluginHost", "ControlPlane", "TestSupport", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: test),
    .testTarget(
      name: "SimulationTests", dependencies: ["Simulation", "PacketIO", "TestSupport"], swiftSettings: test),
    .testTarget(
      name: "EngineBenchTests", dependencies: ["EngineBench", "CBaseline", "CEngineBench", "NetISR"],
      swiftSettings: test),
    .testTarget(name: "PluginInspectorTests", dependencies: ["PluginInspector", "TestSupport"], swiftSettings: test),
    .testTarget(name: "PacketIOTests", dependencies: ["PacketIO", "TestSupport"], swiftSettings: test),
    .testTarget(
      name: "PluginHostTests",
      dependencies: ["PluginHost", "TestSupport", .product(name: "Logging", package: "swift-log")],
      swiftSettings: test),
    .testTarget(
      name: "ProtocolTests", dependencies: ["PluginHost", "PacketIO", "TestSupport"], swiftSettings: test),
    .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport"], swiftSettings: test),
    .testTarget(
      name: "ControlPlaneTests",
      dependencies: [
        "ControlPlane", "NetISR", "PacketIO", "TestSupport", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: test),
    .testTarget(name: "CommandTests", dependencies: ["netisr", "TestSupport"], swiftSettings: test),
  ]
)
