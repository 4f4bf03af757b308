// Reads the configuration, once: defaults, then the file, then the environment, then the command line; the
// later wins. All that is wrong is collected and thrown together, so that nobody mends a file one error at a
// time.

import Foundation
import Glibc

/// A configuration that passed every check, and where each value came from. Immutable.
public struct LoadedConfiguration: Sendable {
    public let configuration: Configuration
    /// The file that was read; nil: none.
    public let file: String?
    private let sources: [String: SettingSource]

    /// Where a setting's value was given.
    public func source(of setting: Setting) -> SettingSource { sources[setting.name] ?? .standard }

    /// Where a gateway looks when it is given no file.
    public static let usualFiles = ["config/tidings.yaml", "/etc/tidings/tidings.yaml"]

    /// Reads and checks everything.
    ///
    /// - Parameters:
    ///   - file: The file to read; nil: `TIDINGS_CONFIG`, else the first of `usualFiles` there is, else none.
    ///   - environment: `TIDINGS_SECTION_KEY` sets a setting; lists are separated by commas. Unknown names
    ///     that begin with `TIDINGS_` are refused, except `TIDINGS_TOKEN` and `TIDINGS_TEST_…`.
    ///   - overrides: `section.key` and a value each, as given on the command line.
    /// - Throws: Every problem found; show it and end.
    public static func load(
        file: String? = nil, environment: [String: String] = [:],
        overrides: [(name: String, value: String)] = []
    ) throws(ConfigurationError) -> LoadedConfiguration {
        var layers = Layers()
        let path =
            file ?? environment["TIDINGS_CONFIG"] ?? usualFiles.first(where: FileManager.default.fileExists)
        if let path { layers.read(path) }
        layers.apply(environment: environment)
        layers.apply(overrides: overrides)
        if layers.problems.isEmpty { layers.checkTogether() }
        guard layers.problems.isEmpty else { throw ConfigurationError(problems: layers.problems) }
        return LoadedConfiguration(configuration: layers.configuration, file: path, sources: layers.sources)
    }

    /// The same from text that stands in for a file called `path`.
    public static func parse(yaml: String, path: String) throws(ConfigurationError) -> LoadedConfiguration {
        var layers = Layers()
        layers.apply(yaml: yaml, path: path)
        if layers.problems.isEmpty { layers.checkTogether() }
        guard layers.problems.isEmpty else { throw ConfigurationError(problems: layers.problems) }
        return LoadedConfiguration(configuration: layers.configuration, file: path, sources: layers.sources)
    }
}

/// The configuration while it is put together.
struct Layers {
    private(set) var configuration = Configuration()
    private(set) var sources: [String: SettingSource] = [:]
    private(set) var problems: [ConfigurationProblem] = []

    private static let byName = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.name, $0) })
    private static let byEnvironmentName = Dictionary(
        uniqueKeysWithValues: Setting.all.map { ($0.environmentName, $0) })

    static func setting(named name: String) -> Setting? { byName[name] }

    mutating func complain(_ message: String, about setting: String? = nil, at source: SettingSource) {
        problems.append(ConfigurationProblem(source: source, setting: setting, message: message))
    }

    mutating func set(_ setting: Setting, to text: String, from source: SettingSource) {
        if let complaint = setting.assign(text, &configuration) {
            complain(complaint, about: setting.name, at: source)
        } else {
            sources[setting.name] = source
        }
    }

    mutating func read(_ path: String) {
        let place = SettingSource.file(path, line: 1, column: 1)
        guard unsafe access(path, R_OK) == 0 else {
            let reason = unsafe String(cString: strerror(errno))
            return complain("the file cannot be read: \(reason)", at: place)
        }
        guard let data = try? FileHandle(forReadingFrom: URL(filePath: path)).readToEnd() ?? Data() else {
            return complain("this is not a file that can be read", at: place)
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            return complain("the file is not UTF-8", at: place)
        }
        apply(yaml: text, path: path)
    }

    mutating func apply(environment: [String: String]) {
        let names = environment.keys.filter { $0.hasPrefix("TIDINGS_") && !$0.hasPrefix("TIDINGS_TEST_") }
        for name in names.sorted() where name != "TIDINGS_CONFIG" && name != "TIDINGS_TOKEN" {
            guard let setting = Self.byEnvironmentName[name] else {
                complain(Self.unknown(name, among: Self.byEnvironmentName.keys), at: .environment(name))
                continue
            }
            set(setting, to: environment[name] ?? "", from: .environment(name))
        }
    }

    mutating func apply(overrides: [(name: String, value: String)]) {
        for (name, value) in overrides {
            guard let setting = Self.byName[name] else {
                complain(Self.unknown(name, among: Self.byName.keys), at: .commandLine("--set \(name)"))
                continue
            }
            set(setting, to: value, from: .commandLine("--set \(name)"))
        }
    }

    static func unknown(_ name: String, among known: some Sequence<String>) -> String {
        let suggestion = Suggestion.nearest(to: name, among: known.sorted())
        return "there is no setting '\(name)'" + (suggestion.map { "; did you mean '\($0)'?" } ?? "")
    }
}

extension Layers {
    /// What no setting can say alone. Reported at the first of the settings concerned that was not left
    /// alone.
    mutating func checkTogether() {
        let it = configuration
        func check(_ holds: Bool, _ names: [String], _ message: String) {
            guard !holds else { return }
            let name = names.first { sources[$0] != nil } ?? names[0]
            complain(message, about: name, at: sources[name] ?? .standard)
        }
        check(
            it.server.listen.port == 0 || it.server.listen != it.server.adminListen,
            ["server.admin_listen", "server.listen"], "the same address as server.listen")
        check(
            Self.isAnother(it.database.gatewayPath, than: it.database.path),
            ["database.gateway_path", "database.path"],
            "the gateway's file cannot be the database itself")
        check(
            it.database.mode == .embedded || !it.database.catalogue.isEmpty, ["database.mode"],
            "an attached database needs database.catalogue: which tables, and how")
        check(
            it.pages.defaultRecords <= it.pages.maxRecords, ["pages.default_records", "pages.max_records"],
            "pages.default_records is more than pages.max_records")
        check(
            it.pages.backlogMinRecords <= it.pages.frameMaxRecords,
            ["pages.backlog_min_records", "pages.frame_max_records"],
            "pages.backlog_min_records is more than pages.frame_max_records")
        check(
            it.retention.tombstones <= it.retention.maxOffline,
            ["retention.tombstones", "retention.max_offline"],
            "retention.tombstones is longer than retention.max_offline")
        check(
            it.browser.cookieSameSite == .lax || it.browser.cookieSecure,
            ["browser.cookie_same_site", "browser.cookie_secure"],
            "browsers drop a SameSite=None cookie that is not Secure: set browser.cookie_secure")
    }

    /// Whether two paths name two files: `data/../x.db` and `./x.db` are one.
    private static func isAnother(_ path: String, than other: String) -> Bool {
        func plain(_ path: String) -> URL {
            URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath()
        }
        return plain(path) != plain(other)
    }
}
