// The application's own tokens, read where they are. Nothing is copied: a token is looked up when somebody
// presents it, and the few that were found are looked up again whenever the file has changed. So a table with
// a million dead tokens costs nothing, and one that the application deletes, expires or re-assigns ends here
// within a look.
//
//     stranger presents a token ─► the row, by id or hash ─► CredentialBook
//     data_version moves ────────► the rows that are known ─► CredentialBook, and who died
//
// On a connection of its own that cannot write. `last_used_at` goes to the application's table only where
// that was chosen, once a minute in one transaction.

import CSQLite
import Domain
import GRDB
import Glibc

/// Sanctum's tokens. Lives on the registry's lane.
final class SanctumTokens {
    private let layout: SanctumLayout
    private let book: CredentialBook
    private var queue: DatabaseQueue?
    private var identity: FileIdentity?
    private var dataVersion: Int64?
    private var known: Set<TokenID> = []
    private var living = LivingTokens()

    init(_ layout: SanctumLayout, book: CredentialBook) {
        self.layout = layout
        self.book = book
    }

    // MARK: Looking

    /// Takes a token that the book does not know into it, if the application has it. Returns who died: the
    /// row may have been another token until now.
    ///
    /// - Throws: The database's errors.
    func meet(_ text: String, now: Timestamp) throws -> Set<TokenID> {
        guard let bearer = BearerToken(text) else { return [] }
        let entry = try connection().read { db in
            let found =
                if let id = bearer.id {
                    try rows(db, "t.id = ?2", id.databaseValue).first
                } else {
                    try rows(db, "t.token = ?2", bearer.hash.hex.databaseValue).first
                }
            return found.flatMap { TokenEntry($0, layout) }
        }
        // Only whoever has the secret fills the book.
        guard let entry, entry.hash.matches(bearer.hash) else { return [] }
        known.insert(entry.id)
        book.setApplication(entry.id, to: entry)
        return living.set(entry.id, to: entry, now: now) ? [entry.id] : []
    }

    /// Time has passed. Returns who died of it.
    func expire(now: Timestamp) -> Set<TokenID> { living.expire(now: now) }

    /// Looks at the known tokens again, if anybody has written. Returns who died.
    ///
    /// - Throws: The database's errors. Nothing is forgotten: look again.
    /// - Complexity: One pragma; a look-up for each known token, if another connection has written.
    func check(now: Timestamp) throws -> Set<TokenID> {
        guard !known.isEmpty else { return [] }
        let queue = try connection()
        let version = try queue.read { try Int64.fetchOne($0, sql: "PRAGMA data_version") }
        guard version != dataVersion else { return [] }
        let entries = try queue.read { db in
            let statement = try db.makeStatement(sql: try layout.select("t.id = ?2", in: db))
            return try known.map { id in
                let row = try Row.fetchOne(
                    statement, arguments: [layout.tokenable, id.applicationID])
                return (id, row.flatMap { TokenEntry($0, layout) })
            }
        }
        dataVersion = version
        var died: Set<TokenID> = []
        for (id, entry) in entries {
            book.setApplication(id, to: entry)
            if living.set(id, to: entry, now: now) { died.insert(id) }
            if entry == nil { known.remove(id) }
        }
        return died
    }

    private func rows(_ db: Database, _ condition: String, _ value: DatabaseValue) throws -> [Row] {
        try Row.fetchAll(
            db, sql: try layout.select(condition, in: db),
            arguments: [layout.tokenable.databaseValue, value])
    }

    // MARK: The file

    /// The connection; another one when another file has taken the path.
    private func connection() throws -> DatabaseQueue {
        let found = FileIdentity(path: layout.path)
        if let queue, found == identity { return queue }
        queue = nil
        dataVersion = nil
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(1)
        let opened = try DatabaseQueue(path: layout.path, configuration: configuration)
        queue = opened
        identity = found
        return opened
    }

    /// Writes `last_used_at` into the application's table, if that was chosen.
    func keepUses(_ uses: [TokenID: Timestamp]) throws {
        guard layout.touches else { return }
        var configuration = Configuration()
        configuration.busyMode = .timeout(1)
        configuration.prepareDatabase { db in
            // The application checkpoints its file, never we. sqlite.org/wal.html § "The WAL-Reset Bug"
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            guard let connection = unsafe db.sqliteConnection else { return }
            unsafe csqlite_no_checkpoint_on_close(UnsafeMutableRawPointer(connection))
        }
        try DatabaseQueue(path: layout.path, configuration: configuration).write { db in
            let statement = try db.makeStatement(
                sql: "UPDATE \(layout.tokens.quotedDatabaseIdentifier) SET last_used_at = ? WHERE id = ?")
            for (id, time) in uses {
                let text = String("\(time)".prefix(19)).replacing("T", with: " ")
                try statement.execute(arguments: [text, id.applicationID])
            }
        }
    }
}

/// Which file a path names.
private struct FileIdentity: Equatable {
    let device: UInt64
    let inode: UInt64

    init?(path: String) {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return nil }
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
    }
}
