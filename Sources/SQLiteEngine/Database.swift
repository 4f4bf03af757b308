// How every connection of ours to the tailed database is opened. WAL, so that readers never block the writer;
// synchronous=FULL, so that an acknowledged write survives a power cut.
//
// One connection of ours checkpoints, all others never do, not on a full WAL and not on closing: SQLite
// before 3.51.3 can lose commits when two connections checkpoint while a third resets the WAL. No mmap, for
// the same family of faults. sqlite.org/wal.html § "The WAL-Reset Bug".

import CSQLite
public import GRDB

/// What a connection is for.
public enum ConnectionRole: Sendable {
    /// Reads only; never checkpoints.
    case reader
    /// Writes; never checkpoints.
    case writer
    /// The one connection that checkpoints, by `wal_autocheckpoint` and when asked.
    case checkpointer
}

/// The tailed database file.
public struct DatabaseFile: Hashable, Sendable {
    public let path: String
    /// Seconds a write waits for another writer.
    public var busyTimeoutSeconds: Double
    /// Whether our commits wait for the disk.
    public var synchronousFull: Bool

    public init(path: String, busyTimeoutSeconds: Double = 5, synchronousFull: Bool = true) {
        self.path = path
        self.busyTimeoutSeconds = busyTimeoutSeconds
        self.synchronousFull = synchronousFull
    }

    public var walPath: String { path + "-wal" }

    /// Opens one connection. Blocks; the caller's lane owns it.
    ///
    /// - Parameter busyMode: What to do about a lock; nil: wait for `busyTimeoutSeconds`.
    /// - Throws: `DatabaseError` when the file cannot be opened, or is not a database.
    public func open(_ role: ConnectionRole, busyMode: GRDB.Database.BusyMode? = nil) throws -> DatabaseQueue
    {
        var configuration = GRDB.Configuration()
        configuration.busyMode = busyMode ?? .timeout(busyTimeoutSeconds)
        configuration.foreignKeysEnabled = role != .reader
        configuration.prepareDatabase { [synchronousFull] db in
            try db.execute(sql: "PRAGMA mmap_size = 0")
            try db.execute(sql: "PRAGMA synchronous = \(synchronousFull ? "FULL" : "NORMAL")")
            switch role {
            case .reader:
                try Self.forbidCheckpoints(db)
                try db.execute(sql: "PRAGMA query_only = 1")
            case .writer: try Self.forbidCheckpoints(db)
            case .checkpointer: try db.execute(sql: "PRAGMA journal_mode = WAL")
            }
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private static func forbidCheckpoints(_ db: Database) throws {
        try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
        guard let connection = unsafe db.sqliteConnection else { return }
        unsafe csqlite_no_checkpoint_on_close(UnsafeMutableRawPointer(connection))
    }

    /// - Throws: `NotWAL`: readers would block writers, and writers us.
    public func requireWAL() throws {
        try Self.requireWAL(try open(.reader), converting: false)
    }

    /// - Throws: `NewerSchema`: the journal was made by a newer Tidings.
    public func requireKnownSchema() throws {
        _ = try open(.reader).inDatabase { try JournalSchema.found($0, path: path) }
    }

    static func requireWAL(_ queue: DatabaseQueue, converting: Bool) throws {
        let wish = converting ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode"
        let mode = try queue.inDatabase { try String.fetchOne($0, sql: wish) } ?? "?"
        guard mode == "wal" else { throw NotWAL(path: queue.path, mode: mode) }
    }

    /// Which file stands at the path now: device and inode. Nil: none. `stat` opens nothing: closing a
    /// descriptor of the database file would drop this process's POSIX locks on it.
    var identity: FileIdentity? { FileIdentity(path: path) }
}
