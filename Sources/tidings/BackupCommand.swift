// `tidings backup` and `tidings restore`: the database, and the gateway's own file beside it.

import ArgumentParser
import Foundation
import SQLiteEngine
import Settings

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the database and the gateway's own file, while both are in use.",
        discussion: """
            FILE becomes the database of one moment, FILE.gateway the gateway's devices, tokens and \
            acknowledgements of one. Both are checked; what stood there is replaced only by a whole copy.
            """)

    @Argument(help: "Where the copy goes.", completion: .file())
    var file: String
    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let stores = try Stores(source)
        try Stores.complaining {
            try Backup.write(stores.file, to: file, progress: PageProgress.show)
            try Backup.write(
                DatabaseFile(path: stores.settings.database.gatewayPath), to: file + ".gateway",
                progress: { _, _ in })
        }
        try output.print(["database": file, "gateway": file + ".gateway"]) {
            ["\(file) and \(file).gateway are written and checked"]
        }
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Put a backup over the database, as a new history.",
        discussion: """
            A gateway may be running, and writers too: the copy goes in as one transaction. A new epoch begins, \
            so every till is told to download anew, also those that are ahead of the backup. What stood there \
            is kept as a backup of its own first, unless --discard is given.

            The gateway's own file (FILE.gateway) is put back only with --gateway: devices that registered since \
            the backup would be shut out.
            """)

    @Argument(help: "The backup: what `tidings backup` wrote.", completion: .file())
    var file: String
    @Flag(name: .long, help: "Put the gateway's own file back too.")
    var gateway = false
    @Flag(name: .long, help: "Keep no copy of the database as it is now.")
    var discard = false
    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    private struct Restored: Encodable {
        let database: String
        let replaced: String?
    }

    func run() throws {
        let stores = try Stores(source)
        let path = stores.file.path
        let keeps = !discard && FileManager.default.fileExists(atPath: path)
        let replaced = keeps ? path + ".replaced" : nil
        try Stores.complaining {
            if let replaced { try Backup.write(stores.file, to: replaced, progress: PageProgress.show) }
            try Backup.restore(file, over: stores.file, progress: PageProgress.show)
            // What an older Tidings made: a gateway that is running has looked already.
            if stores.settings.database.mode == .embedded { try stores.shop.bringForward() }
            if gateway {
                let own = DatabaseFile(path: stores.settings.database.gatewayPath)
                try Backup.restorePlain(file + ".gateway", over: own)
            }
        }
        try output.print(
            Restored(database: path, replaced: replaced)
        ) {
            ["\(path) is \(file) now, and a new history begins"]
                + (replaced.map { ["what stood there is in \($0)"] } ?? [])
        }
    }
}

/// How far a copy is, on a terminal.
private enum PageProgress {
    static func show(_ done: Int, _ total: Int) {
        guard isatty(STDERR_FILENO) == 1, total > 0 else { return }
        let line = "\r\(done * 100 / total) % of \(total) pages" + (done == total ? "\n" : "")
        FileHandle.standardError.write(Data(line.utf8))
    }
}
