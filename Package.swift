// swift-tools-version: 6.2
// The targets stand in the order data flows. A target may import only those named behind it;
// `scripts/build` passes --explicit-target-dependency-import-check error, which holds that.

import PackageDescription

/// One set of settings for every target: the compiler holds the house rules, so that people need not.
let house: [SwiftSetting] = [
    .strictMemorySafety(),  // `unsafe` must be written where it happens
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),  // C types cannot leak through public API
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "tidings",
    products: [
        .executable(name: "tidings", targets: ["tidings"])
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibevent",
            pkgConfig: "libevent_pthreads",
            providers: [.apt(["libevent-dev"])]),

        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .target(name: "CLinux"),
        .target(name: "CSQLite"),

        .target(name: "Domain", swiftSettings: house),
        .target(name: "Telemetry", dependencies: ["Domain"], swiftSettings: house),
        .target(name: "Lanes", dependencies: ["CLinux", "Domain", "Telemetry"], swiftSettings: house),
        .target(
            name: "Events",
            dependencies: ["CLibevent", "CLinux", "Domain", "Lanes", "Telemetry"],
            swiftSettings: house),
        .target(
            name: "Journal",
            dependencies: ["Domain", "Lanes", "Telemetry"],
            swiftSettings: house),
        .target(
            name: "SQLiteEngine",
            dependencies: [
                "CSQLite", "CLinux", "Journal", "Domain", "Lanes", "Telemetry",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: house),
        .target(
            name: "FanOut",
            dependencies: [
                "Journal", "Domain", "Lanes", "Telemetry",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: house),
        .target(
            name: "HTTP",
            dependencies: [
                "CZlib", "Lanes", "Domain", "Telemetry",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: house),
        .target(
            name: "Settings",
            dependencies: ["Domain", "Yams"],
            swiftSettings: house),
        .target(
            name: "Registry",
            dependencies: [
                "CSQLite", "Domain", "Lanes", "Telemetry",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: house),
        .target(
            name: "Gateway",
            dependencies: [
                "CLinux", "Domain", "Telemetry", "Lanes", "Events", "Journal", "SQLiteEngine", "FanOut",
                "HTTP",
                "Settings", "Registry",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            exclude: ["Client/src"],
            resources: [
                .embedInCode("Client/tidings.js"), .embedInCode("Client/tidings.d.ts"),
                .embedInCode("Client/package.json"),
                .embedInCode("Pages/till.html"), .embedInCode("Pages/till.js"),
                .embedInCode("Pages/till.css"),
                .embedInCode("Pages/shelf.js"), .embedInCode("Pages/grid.js"),
                .embedInCode("Pages/watch.html"), .embedInCode("Pages/openapi.json"),
                .embedInCode("Pages/ops.html"),
            ],
            swiftSettings: house),
        .executableTarget(
            name: "tidings",
            dependencies: [
                "Gateway", "Domain", "Lanes", "Settings", "Registry", "SQLiteEngine",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house),
        .target(
            name: "TidingsTesting",
            dependencies: ["Lanes", "Domain", "HTTP"],
            swiftSettings: house),

        .target(name: "TestThreads", path: "Tests/TestThreads", swiftSettings: house),

        // Programs that time things; the tests only see that they run.
        .executableTarget(
            name: "tidings-load",
            path: "Tests/BenchmarkLoad",
            cSettings: [.define("_GNU_SOURCE")]),
        .executableTarget(
            name: "tidings-bench",
            dependencies: [
                "CLinux", "Domain", "Lanes", "Events", "Journal", "SQLiteEngine", "FanOut", "HTTP",
                "Settings",
                "Registry", "Gateway", "TidingsTesting",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Benchmarks",
            swiftSettings: house),

        .testTarget(name: "DomainTests", dependencies: ["Domain"], swiftSettings: house),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry"], swiftSettings: house),
        .testTarget(
            name: "LanesTests", dependencies: ["Lanes", "TidingsTesting"], swiftSettings: house),
        .testTarget(
            name: "EventsTests",
            dependencies: ["Events", "Lanes", "Domain", "TestThreads", "TidingsTesting"],
            swiftSettings: house),
        .testTarget(
            name: "JournalTests",
            dependencies: ["Journal", "Domain", "Lanes", "TidingsTesting"],
            swiftSettings: house),
        .testTarget(
            name: "SQLiteEngineTests",
            dependencies: [
                "SQLiteEngine", "Journal", "Domain", "Lanes", "Settings", "TestThreads", "TidingsTesting",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["Writers"],
            swiftSettings: house),
        .testTarget(
            name: "FanOutTests",
            dependencies: ["FanOut", "Journal", "Domain", "Lanes", "TidingsTesting"],
            swiftSettings: house),
        .testTarget(
            name: "HTTPTests",
            dependencies: [
                "HTTP", "Domain", "Lanes", "TestThreads", "TidingsTesting",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            exclude: ["Oracles"],
            swiftSettings: house),
        .testTarget(name: "SettingsTests", dependencies: ["Settings", "Domain"], swiftSettings: house),
        .testTarget(
            name: "RegistryTests",
            dependencies: ["Registry", "Domain", "Lanes", "TestThreads", "TidingsTesting"],
            swiftSettings: house),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "Domain", "Lanes", "HTTP", "Settings", "Registry", "TidingsTesting",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "ScenarioTests",
            dependencies: [
                "Domain", "Settings", "TestThreads", "TidingsTesting", "tidings", "tidings-bench",
                "tidings-load",
            ],
            exclude: ["Writers", "Clients", "thresholds.json"],
            swiftSettings: house),
        .testTarget(
            name: "ClientTests",
            dependencies: ["Settings", "TestThreads", "TidingsTesting", "tidings"],
            exclude: ["Node", "Browsers"],
            swiftSettings: house),
        .testTarget(name: "TidyTests", swiftSettings: house),
    ],
    swiftLanguageModes: [.v6]
)
