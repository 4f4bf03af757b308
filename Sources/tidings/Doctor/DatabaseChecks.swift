// What the doctor looks at in the database: the file, its hooks, the SQLite that reads it.

import Foundation
import GRDB
import SQLiteEngine
import Settings

/// Looks at the database without changing it.
struct DatabaseChecks {
    let stores: Stores

    func findings() -> [Finding] {
        let path = stores.file.path
        guard FileManager.default.fileExists(atPath: path) else {
            return [
                .broken(
                    "database", "there is no file \(path)",
                    "`tidings init` makes one; or set database.path to the application's.")
            ]
        }
        // Before it is opened: root's SQLite gives both files to the database's owner.
        let owners = owners
        do {
            let queue = try stores.file.open(.reader)
            return try [
                open(queue), mode(queue), durability, wal, owners, walReset(queue), hooks(), keys(),
                newest(queue),
            ]
        } catch {
            return [
                .broken(
                    "database", "\(path) cannot be read: \(error)",
                    "Run the doctor as the user the gateway runs as; restore a backup if the file is damaged."
                )
            ]
        }
    }

    private func open(_ queue: DatabaseQueue) throws -> Finding {
        let said = try queue.inDatabase { try String.fetchAll($0, sql: "PRAGMA quick_check(5)") }
        return said == ["ok"]
            ? .fine("database", "\(stores.file.path): opens, quick_check is ok")
            : .broken(
                "database", "quick_check: \(said.joined(separator: "; "))",
                "The file is damaged: stop its writers, and `tidings restore` the newest backup.")
    }

    private func mode(_ queue: DatabaseQueue) throws -> Finding {
        let mode = try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA journal_mode") } ?? "?"
        return mode == "wal"
            ? .fine("journal mode", "wal")
            : .broken(
                "journal mode", "\(mode); the gateway needs wal",
                "`tidings hooks install --wal`, while nobody else has the file open.")
    }

    private var durability: Finding {
        let database = stores.settings.database
        let ours = database.durability.isFullForUs ? "FULL" : "NORMAL"
        if database.everyWriterWaits {
            return .fine("synchronous", "\(ours); every writer is taken to wait for the disk")
        }
        return .note(
            "synchronous", "\(ours) for our own writes; others are not known to wait for the disk",
            "After a power cut every till downloads anew. If all writers commit at synchronous=FULL, say so: "
                + "database.durability: full.")
    }

    /// Larger than what a checkpoint leaves behind: somebody reads or writes for very long.
    private static let walLargeBytes = 256 << 20

    private var wal: Finding {
        let attributes = try? FileManager.default.attributesOfItem(atPath: stores.file.walPath)
        let bytes = (attributes?[.size] as? Int) ?? 0
        let text = "\(bytes / 1_024) KiB"
        return bytes <= Self.walLargeBytes
            ? .fine("wal", text)
            : .warning(
                "wal", text + ": it is not being checkpointed",
                "Find the process that keeps a transaction open (a backup, a report, a shell), and end it.")
    }

    /// Whoever opens a database that nobody has open makes these two, and they are theirs.
    private var owners: Finding {
        let files = [stores.file.walPath, stores.file.path + "-shm"]
        guard let database = FileOwner(of: stores.file.path) else {
            return .note("owners", "the file has gone")
        }
        let shut = files.compactMap { path in
            FileOwner(of: path).flatMap { $0.isWritable(byOwnerOf: database) ? nil : "\(path) (\($0.text))" }
        }
        return shut.isEmpty
            ? .fine("owners", "\(database.userName), whose the database is, may write its -wal and -shm")
            : .warning(
                "owners",
                "\(database.userName), whose the database is, may not write \(shut.joined(separator: ", ")): it "
                    + "is told `attempt to write a readonly database`",
                "Run the gateway as \(database.userName), or make the folder's group both's, its mode 2775, the "
                    + "file's 0664: docs/ATTACH.md, Users. Then chown the two: nobody has to close them.")
    }

    private func walReset(_ queue: DatabaseQueue) throws -> Finding {
        let version = try queue.inDatabase { try String.fetchOne($0, sql: "SELECT sqlite_version()") } ?? "?"
        guard SQLiteVersion(version)?.hasWALResetBug ?? false else {
            return .fine("sqlite", "\(version), without the WAL-reset bug")
        }
        let ours =
            stores.settings.database.mode == .embedded
            ? "the gateway checkpoints by one connection only, and cannot meet it alone"
            : "the gateway never checkpoints here; the application's own connections do"
        return .note(
            "sqlite",
            "\(version) has the WAL-reset bug (3.7.0 to 3.51.2; not 3.44.6 and 3.50.7): two connections that "
                + "write or checkpoint at the same moment can lose commits. \(ours)",
            "Give other programs that write to this file SQLite 3.51.3 or later, or let only one of their "
                + "connections checkpoint (PRAGMA wal_autocheckpoint = 0 in the others).")
    }

    private func hooks() throws -> Finding {
        let status = try HooksCommand.installer(stores).status()
        if status.isInStep { return .fine("hooks", "in step with the catalogue") }
        let parts =
            [
                ("missing", status.missing), ("different", status.different), ("surplus", status.surplus),
                ("unfinished", status.unfinished), ("problem", status.problems),
            ].filter { !$0.1.isEmpty }.map { "\($0.0): \($0.1.joined(separator: ", "))" }
            + (status.olderSchema.map { ["the journal's schema is \($0), of an older Tidings"] } ?? [])
        let text = parts.joined(separator: "; ")
        return status.problems.isEmpty
            ? .warning(
                "hooks", "drifted from the catalogue: \(text)",
                "A running gateway restores them by itself; without one: `tidings hooks install`.")
            : .broken(
                "hooks", "do not fit: \(text)",
                "The catalogue names what is not there: change database.catalogue, or the application's schema."
            )
    }

    /// A column that is no alias of rowid takes whatever it is given.
    private func keys() throws -> Finding {
        let rows = try HooksCommand.installer(stores).rowsWithoutKey()
        guard !rows.isEmpty else { return .fine("keys", "every row has one") }
        let text = rows.map { "\($0.entity): \($0.count)" }.joined(separator: ", ")
        return .warning(
            "keys", "rows that no till is told of, since their key is neither an integer nor a text: \(text)",
            "Find them by `typeof(key) NOT IN ('integer', 'text')`, or text that is not UTF-8, and give them keys."
        )
    }

    /// Hooks stamp rows by the writers' clocks.
    private func newest(_ queue: DatabaseQueue) throws -> Finding {
        let at = try queue.inDatabase { db in
            try db.tableExists("tidings_journal")
                ? Int64.fetchOne(db, sql: "SELECT at FROM tidings_journal ORDER BY seq DESC LIMIT 1") : nil
        }
        guard let at else { return .fine("journal", "empty") }
        let ahead = Double(at) / 1_000 - Date().timeIntervalSince1970
        return ahead < 60
            ? .fine("journal", "the newest row is \(Int(max(0, -ahead))) s old")
            : .warning(
                "journal",
                "the newest row is \(Int(ahead)) s in the future: a clock was wrong when it was written",
                "Set the clocks by NTP. Nothing is lost by it; times in answers, and latencies, are wrong meanwhile."
            )
    }
}

/// A version of SQLite.
struct SQLiteVersion {
    let parts: [Int]

    init?(_ text: String) {
        parts = text.split(separator: ".").compactMap { Int($0) }
        guard parts.count >= 3 else { return nil }
    }

    /// sqlite.org/wal.html § "The WAL-Reset Bug": 3.7.0 to 3.51.2, mended in 3.51.3, 3.50.7 and 3.44.6.
    var hasWALResetBug: Bool {
        guard parts[0] == 3 else { return false }
        switch parts[1] {
        case ..<7: return false
        case 44: return parts[2] < 6
        case 50: return parts[2] < 7
        case 51: return parts[2] < 3
        case 52...: return false
        default: return true
        }
    }
}
