// `tidings config`: what the gateway was told, whether that is right, and the file to start from.

import ArgumentParser
import Settings

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check and show the configuration.",
        subcommands: [Check.self, Show.self, Template.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read the configuration and say everything that is wrong with it, with file and line.",
            discussion: "Exit code 0: nothing is wrong. 78: something is.")

        @Argument(help: "The file to check, instead of the one the gateway would read.")
        var file: String?
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let loaded: LoadedConfiguration
            do {
                loaded = try source.read(file: file)
            } catch {
                guard output.json else { throw source.complain(error) }
                try Output.json(CheckReport(error))
                throw ExitCode.badConfiguration
            }
            let changed = Setting.all.filter { loaded.source(of: $0) != .standard }.count
            try output.print(CheckReport(file: loaded.file)) {
                ["\(loaded.file ?? "no file"): right; \(changed) of \(Setting.all.count) settings given"]
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every setting with its value and where that came from.")

        @Flag(name: .long, help: "Only settings that were given somewhere.")
        var changed = false
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let entries = try source.load().shown.filter { !changed || $0.isGiven }
            try output.print(entries) {
                Output.table(["setting", "value", "from"], entries.map { [$0.name, $0.value, $0.source] })
            }
        }
    }

    struct Template: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Print a configuration file with every setting, its prose and its default, commented out.")

        func run() { print(Setting.template(), terminator: "") }
    }
}

private struct CheckReport: Encodable {
    struct Problem: Encodable {
        let source: String
        let setting: String?
        let message: String
    }

    let ok: Bool
    var file: String?
    var problems: [Problem] = []

    init(file: String?) {
        ok = true
        self.file = file
    }

    init(_ error: ConfigurationError) {
        ok = false
        problems = error.problems.map {
            Problem(source: $0.source.description, setting: $0.setting, message: $0.message)
        }
    }
}
