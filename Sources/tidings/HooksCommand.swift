// `tidings hooks`: the triggers in the database that leave a trace of every write.

import ArgumentParser
import SQLiteEngine
import Settings

struct HooksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hooks", abstract: "Install, check and remove the hooks in the database.",
        subcommands: [Install.self, Status.self, Remove.self])

    /// The installer for the configured database.
    fileprivate static func installer(_ stores: Stores) throws -> HookInstaller {
        HookInstaller(
            queue: try stores.file.open(.writer), catalogue: stores.catalogue,
            generator: HookGenerator(writesVersionBack: stores.settings.database.mode == .embedded))
    }

    struct Install: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put journal, state index, hooks and indexes in place; adopt rows that are there.",
            discussion: "Idempotent. With --print nothing is changed: the SQL is written out.")

        @Flag(name: .long, help: "Print the SQL instead of running it.")
        var print = false
        @OptionGroup var source: ConfigurationOptions

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining {
                let installer = try HooksCommand.installer(stores)
                if self.print { return Swift.print(try installer.script) }
                var adopted = 0
                try installer.install { adopted = $0 }
                Output.line("hooks are in place; \(adopted) rows adopted")
            }
        }
    }

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare the hooks in the database with the catalogue.",
            discussion: "Exit code 0: in step. 3: something differs. 1: cannot tell.")

        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let inStep: Bool
            let missing: [String]
            let different: [String]
            let surplus: [String]
            let missingTables: [String]
        }

        func run() throws {
            let stores = try Stores(source)
            let status = try Stores.complaining { try HooksCommand.installer(stores).status() }
            let shown = Shown(
                inStep: status.isInStep, missing: status.missing, different: status.different,
                surplus: status.surplus, missingTables: status.missingTables)
            try output.print(shown) {
                status.isInStep
                    ? ["in step"]
                    : status.missing.map { "missing    \($0)" } + status.different.map { "different  \($0)" }
                        + status.surplus.map { "surplus    \($0)" }
                        + status.missingTables.map { "no table   \($0)" }
            }
            if !status.isInStep { throw ExitCode.differs }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take hooks, journal and state index out again. Tills will have to download in full.")

        @OptionGroup var source: ConfigurationOptions

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining { try HooksCommand.installer(stores).remove() }
        }
    }
}
