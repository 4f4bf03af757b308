// The options every command takes that needs to know where things are.

import ArgumentParser
import Foundation
import Settings

/// `--config FILE` and `--set section.key=value`.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration to read.",
            discussion:
                "Without it: TIDINGS_CONFIG, else config/tidings.yaml, else "
                + "/etc/tidings/tidings.yaml, else none.",
            valueName: "file"))
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Sets one setting; wins over file and environment. Can be repeated.",
            valueName: "section.key=value"))
    var set: [String] = []

    func validate() throws {
        if let bad = set.first(where: { !$0.contains("=") }) {
            throw ValidationError("--set \(bad): expected section.key=value")
        }
    }

    /// Reads and checks the configuration; prints every problem and ends with 78 when there is one.
    func load() throws -> LoadedConfiguration {
        do {
            return try read()
        } catch {
            throw complain(error)
        }
    }

    /// The same for commands that report problems in their own way.
    func read(file: String? = nil) throws(ConfigurationError) -> LoadedConfiguration {
        let overrides = set.map { text in
            let name = text.prefix { $0 != "=" }
            return (name: String(name), value: String(text.dropFirst(name.count + 1)))
        }
        return try LoadedConfiguration.load(
            file: file ?? config, environment: ProcessInfo.processInfo.environment, overrides: overrides)
    }

    /// Prints every problem, one a line.
    func complain(_ error: ConfigurationError) -> ExitCode {
        Output.complain(error.description)
        return .badConfiguration
    }
}
