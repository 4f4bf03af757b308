// `tidings hooks`: the triggers in the database that leave a trace of every write.

import ArgumentParser
import Domain
import Foundation
import SQLiteEngine
import Settings

struct HooksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hooks", abstract: "Install, check and remove the hooks in the database.",
        subcommands: [Install.self, Status.self, Remove.self])

    /// The installer for the configured database.
    static func installer(_ stores: Stores) throws -> HookInstaller {
        // Opening makes a file, and an empty one would look like an application without tables.
        guard FileManager.default.fileExists(atPath: stores.file.path) else {
            throw NoFile(path: stores.file.path)
        }
        return HookInstaller(
            queue: try stores.file.open(.writer), catalogue: stores.catalogue,
            generator: HookGenerator(writesVersionBack: stores.settings.database.mode == .embedded))
    }

    struct NoFile: Error, CustomStringConvertible {
        let path: String
        var description: String { "there is no file \(path)" }
    }

    struct Install: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put journal, state index, hooks and indexes in place; adopt rows that are there.",
            discussion: """
                Idempotent, and may be interrupted at any time: rows are journaled in chunks that hold the \
                write lock for milliseconds, and the next run, or the gateway, goes on where this one was. \
                With --print nothing is changed: the SQL is written out.
                """)

        @Flag(name: .long, help: "Print the SQL instead of running it.")
        var print = false
        @Flag(name: .long, help: "Convert the file to WAL mode first. Nobody else may have it open.")
        var wal = false
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let journaled: Int
            let setUpSeconds: Double
            let chunkSecondsMax: Double
        }

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining {
                let installer = try HooksCommand.installer(stores)
                if self.print { return Swift.print(try installer.script) }
                let bar = ProgressLine()
                var journaled: [String: Int] = [:]
                let locks = try installer.install(convertsToWAL: wal) { walk in
                    journaled[walk.entity.text] = walk.journaled
                    bar.show("\(walk.entity.text): \(walk.examined) keys, \(walk.journaled) journaled")
                }
                bar.clear()
                let sum = journaled.values.reduce(0, +)
                let shown = Shown(
                    journaled: sum, setUpSeconds: locks.setUpSeconds, chunkSecondsMax: locks.chunkSecondsMax)
                try output.print(shown) {
                    [
                        "hooks are in place; \(sum) rows journaled",
                        "writers were locked out for \(milliseconds(locks.setUpSeconds)) ms by hooks and "
                            + "indexes, for \(milliseconds(locks.chunkSecondsMax)) ms at most by rows",
                    ]
                }
            }
        }
    }

    private static func milliseconds(_ seconds: Double) -> String { String(format: "%.1f", seconds * 1_000) }

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare the hooks in the database with the catalogue.",
            discussion: """
                Exit code 0: in step. 1: drift; what differs is listed. 2: cannot tell (no database, not \
                readable, locked for too long); standard error says why.
                """)

        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let inStep: Bool
            let missing: [String]
            let different: [String]
            let surplus: [String]
            let problems: [String]
            let unfinished: [String]
            let olderSchema: Int?
        }

        func run() throws {
            let stores = try Stores(source)
            let status: HookStatus
            do {
                status = try HooksCommand.installer(stores).status()
            } catch {
                Output.complain("tidings: cannot tell: \(error)")
                throw ExitCode.cannotTell
            }
            let shown = Shown(
                inStep: status.isInStep, missing: status.missing, different: status.different,
                surplus: status.surplus, problems: status.problems, unfinished: status.unfinished,
                olderSchema: status.olderSchema)
            try output.print(shown) {
                status.isInStep
                    ? ["in step"]
                    : status.missing.map { "missing    \($0)" } + status.different.map { "different  \($0)" }
                        + status.surplus.map { "surplus    \($0)" }
                        + status.problems.map { "problem    \($0)" }
                        + status.unfinished.map { "unfinished \($0)" }
                        + (status.olderSchema.map { ["older      schema \($0) of the journal"] } ?? [])
            }
            if !status.isInStep { throw ExitCode.drift }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Take hooks, journal, state index and memory of uploads out. Tills will download in full.")

        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let removed = true
        }

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining { try HooksCommand.installer(stores).remove() }
            try output.print(Shown()) { ["hooks, journal and state index are gone"] }
        }
    }
}
