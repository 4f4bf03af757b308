// Promises of the configuration: it works without a file, every layer wins over the one before it, everything
// wrong is said at once with its place, and the shipped file cannot disagree with the table.

import Domain
import Foundation
import Settings
import Testing

@Suite struct ConfigurationTests {
    @Test func theDefaultsWorkWithNoFileAtAll() throws {
        let loaded = try LoadedConfiguration.parse(yaml: "", path: "none")
        #expect(loaded.configuration == Configuration())
        #expect(Setting.all.allSatisfy { loaded.source(of: $0) == .standard })
    }

    @Test func everyDefaultPassesItsOwnCheckAndReadsBackTheSame() throws {
        for setting in Setting.all {
            let loaded = try LoadedConfiguration.load(
                file: "/dev/null", overrides: [(setting.name, setting.standard)])
            #expect(loaded.configuration == Configuration(), "\(setting.name)")
        }
    }

    @Test func theShippedFileIsTheTable() throws {
        let file = try String(contentsOf: shippedFile, encoding: .utf8)
        #expect(file == Setting.template(), "write it anew: tidings config template > config/tidings.yaml")
        #expect(try LoadedConfiguration.parse(yaml: file, path: "shipped").configuration == Configuration())
    }

    @Test func everySettingStandsInTheShippedFileWithItsDefaultAndNothingElseDoes() throws {
        let file = try String(contentsOf: shippedFile, encoding: .utf8)
        let uncommented = file.replacing(/(?m)^  #(?=[a-z_]+: )/, with: "  ")
        let loaded = try LoadedConfiguration.parse(yaml: uncommented, path: "shipped")
        #expect(loaded.configuration == Configuration())
        for setting in Setting.all {
            guard case .file = loaded.source(of: setting) else {
                Issue.record("\(setting.name) is not in config/tidings.yaml")
                continue
            }
        }
    }

    @Test func namesAreUniqueAndEnvironmentNamesToo() {
        #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.environmentName)).count == Setting.all.count)
        #expect(Setting.all.allSatisfy { $0.name.hasPrefix($0.section + ".") })
        #expect(Set(Setting.sections.flatMap { s in s.settings.map { $0.section == s.name } }) == [true])
    }

    @Test func theLaterLayerWinsAndEachValueKnowsItsPlace() throws {
        let file = try TemporaryFile("stream:\n  heartbeat: 20s\n  tail_frames: 99\n  slow_age: 5s\n")
        let loaded = try LoadedConfiguration.load(
            file: file.path,
            environment: ["TIDINGS_STREAM_TAIL_FRAMES": "100", "TIDINGS_STREAM_SLOW_AGE": "6s", "HOME": "/"],
            overrides: [("stream.slow_age", "7s")])
        #expect(loaded.configuration.stream.heartbeat == .seconds(20))
        #expect(loaded.configuration.stream.tailFrames == 100)
        #expect(loaded.configuration.stream.slowAge == .seconds(7))
        func source(_ name: String) -> String? {
            Setting.all.first { $0.name == name }.map { loaded.source(of: $0).description }
        }
        #expect(source("stream.heartbeat") == "\(file.path):2")
        #expect(source("stream.tail_frames") == "environment TIDINGS_STREAM_TAIL_FRAMES")
        #expect(source("stream.slow_age") == "command line --set stream.slow_age")
        #expect(source("stream.lifetime") == "default")
    }

    @Test func listsComeAsSequencesAndAsCommas() throws {
        let yaml = """
            server:
              trusted_proxies: [10.0.0.0/8, "fd00::/8"]
            browser:
              origins:
                - https://a.example
                - http://b.example:8080
            """
        let it = try LoadedConfiguration.parse(yaml: yaml, path: "x").configuration
        #expect(it.server.trustedProxies.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
        #expect(it.browser.origins.map(\.description) == ["https://a.example", "http://b.example:8080"])
        let other = try LoadedConfiguration.load(
            file: "/dev/null", environment: ["TIDINGS_SERVER_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8"])
        #expect(other.configuration.server.trustedProxies == it.server.trustedProxies)
    }

    @Test func everythingWrongIsSaidAtOnceWithLineColumnAndSuggestion() {
        let yaml = """
            stream:
              hartbeat: 15s
              slow_age: 15
              tail_size: 4MB
            limts:
              connections: 1
            limits:
              connections: many
              streams_per_device: 0
              body_size:
            """
        #expect(
            problems(yaml) == [
                "f.yaml:2:3: there is no setting 'stream.hartbeat'; did you mean 'stream.heartbeat'?",
                "f.yaml:3:3: stream.slow_age: '15' is not a duration with its unit, such as "
                    + "0.5ms, 15s, 2m, 1h or 30d",
                "f.yaml:4:3: stream.tail_size: '4MB' is not a size with its unit, such as 512B, "
                    + "64KiB or 4MiB",
                "f.yaml:5:1: there is no section 'limts'; did you mean 'limits'?",
                "f.yaml:8:3: limits.connections: 'many' is not a whole number, such as 8 or 10_000",
                "f.yaml:9:3: limits.streams_per_device: '0' is out of bounds: 1 to 1000",
                "f.yaml:10:3: limits.body_size: it has no value; leave the line out for the default",
            ])
    }

    @Test(arguments: [
        ("server:\n  listen: a\n  listen: b\n", "given twice: listen"),
        ("server: [1]\n", "server: expected settings below it, one a line"),
        ("- 1\n", "expected sections"),
        ("server:\n  loops: [1, 2]\n", "server.loops: expected a whole number"),
        ("server:\n\tloops: 1\n", "f.yaml:2:1"),
        ("server:\n  trusted_proxies: [{a: b}, 10.0.0.0/8]\n", "server.trusted_proxies: expected"),
        ("database:\n  path: a/shop.db\n  gateway_path: ./b/../a/shop.db\n", "cannot be the database itself"),
        ("database:\n  path: \"\"\n", "out of bounds: not empty"),
        ("logs:\n  level: loud\n", "'loud' is not trace, debug, info, notice, warning, error or critical"),
        ("pages:\n  max_records: 10\n", "f.yaml:2:3: pages.max_records: pages.default_records is more than"),
        ("browser:\n  cookie_same_site: none\n", "set browser.cookie_secure"),
        ("database:\n  mode: attached\n", "needs database.catalogue"),
        ("server:\n  listen: 127.0.0.1:9180\n", "server.listen: the same address"),
        ("server:\n  listen: localhost:80\n", "a numeric address and a port"),
        ("logs:\n  format: \"a\\u001b[31mb\"\n", "'a\\u{1B}[31mb' is not text or json"),
    ])
    func eachSlipIsNamed(yaml: String, expected: String) {
        let found = problems(yaml)
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
    }

    @Test func unknownEnvironmentNamesAreRefused() {
        let error = #expect(throws: ConfigurationError.self) {
            try LoadedConfiguration.load(
                file: "/dev/null",
                environment: [
                    "TIDINGS_STREAM_HEARBEAT": "1s", "TIDINGS_TEST_SEED": "4", "TIDINGS_TOKEN": "x",
                ])
        }
        #expect(
            error?.description == "environment TIDINGS_STREAM_HEARBEAT: there is no setting "
                + "'TIDINGS_STREAM_HEARBEAT'; did you mean 'TIDINGS_STREAM_HEARTBEAT'?")
    }

    @Test func aMissingFileThatWasNamedIsAnError() {
        #expect(throws: ConfigurationError.self) {
            try LoadedConfiguration.load(file: "/nowhere/tidings.yaml")
        }
    }

    private func problems(_ yaml: String) -> [String] {
        do {
            _ = try LoadedConfiguration.parse(yaml: yaml, path: "f.yaml")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    private var shippedFile: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "config/tidings.yaml")
    }
}

/// A file that goes when its owner does. From any lane.
private final class TemporaryFile: Sendable {
    let path: String

    init(_ text: String) throws {
        path = NSTemporaryDirectory() + "tidings-\(UUID().uuidString).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
