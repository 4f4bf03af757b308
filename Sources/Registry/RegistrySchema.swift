// The gateway's own file: who may connect, and how far each device has come. Nothing of it is in the tailed
// database, so that the bookkeeping of twenty thousand tills never takes the application's write lock.
//
// Times are microseconds since 1970. STRICT: other programs write here too, and an integer stays one.

import GRDB

enum RegistrySchema {
    /// Forward only; the number of a step is its place. Stored in `PRAGMA user_version`.
    static let migrations: [String] = [
        """
        CREATE TABLE tidings_users(
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          business ANY NOT NULL,
          name TEXT NOT NULL,
          created_at INTEGER NOT NULL
        ) STRICT;
        -- The layout of Laravel Sanctum's personal_access_tokens, and what a till needs beside it.
        CREATE TABLE tidings_tokens(
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          tokenable_type TEXT NOT NULL,
          tokenable_id ANY NOT NULL,
          name TEXT NOT NULL,
          token TEXT NOT NULL UNIQUE,
          abilities TEXT NOT NULL,
          business ANY NOT NULL,
          device TEXT,
          last_used_at INTEGER,
          expires_at INTEGER,
          revoked_at INTEGER,
          created_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX tidings_tokens_device ON tidings_tokens(business, device);
        -- A device names itself, so its id is unique within its business only: no tenant can take another's till.
        CREATE TABLE tidings_devices(
          business ANY NOT NULL,
          device TEXT NOT NULL,
          name TEXT NOT NULL,
          platform TEXT,
          app_version TEXT,
          state TEXT NOT NULL DEFAULT 'active' CHECK(state IN ('active', 'revoked')),
          acknowledged_epoch TEXT,
          acknowledged_seq INTEGER,
          acknowledged_at INTEGER,
          created_at INTEGER NOT NULL,
          last_seen_at INTEGER NOT NULL,
          PRIMARY KEY(business, device)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE tidings_enrolment_codes(
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          hash TEXT NOT NULL UNIQUE,
          business ANY NOT NULL,
          abilities TEXT NOT NULL,
          uses_left INTEGER NOT NULL,
          expires_at INTEGER NOT NULL,
          created_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE tidings_tickets(
          hash TEXT PRIMARY KEY,
          token INTEGER NOT NULL,
          business ANY NOT NULL,
          device TEXT,
          created_at INTEGER NOT NULL,
          expires_at INTEGER NOT NULL,
          bound_until INTEGER NOT NULL,
          used_at INTEGER,
          ready_at INTEGER,
          revoked_at INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX tidings_tickets_token ON tidings_tickets(token);
        -- What reconnect cookies are made with.
        CREATE TABLE tidings_keys(
          name TEXT PRIMARY KEY,
          value BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO tidings_keys(name, value) VALUES ('cookie', randomblob(32));
        """,
        """
        -- When tokens of the application's own were used last; the tokens themselves stay where they are.
        CREATE TABLE tidings_application_uses(
          token INTEGER PRIMARY KEY,
          last_used_at INTEGER NOT NULL
        ) STRICT;
        """,
        """
        -- When a device was heard of last, in service time (ServiceClock): its silence is counted in it.
        ALTER TABLE tidings_devices ADD COLUMN heard_at INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE tidings_service(
          id INTEGER PRIMARY KEY CHECK(id = 1),
          served INTEGER NOT NULL,
          wall INTEGER NOT NULL
        ) STRICT;
        -- Which head was seen when. In the order they were made; scale: wall or service.
        CREATE TABLE tidings_observations(
          id INTEGER PRIMARY KEY,
          scale TEXT NOT NULL,
          at INTEGER NOT NULL,
          epoch TEXT NOT NULL,
          seq INTEGER NOT NULL,
          nonce INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX tidings_observations_scale ON tidings_observations(scale, id);
        """,
        """
        -- What each device synced: a row an answer, a row a stream at its end.
        CREATE TABLE tidings_sync_logs(
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          at INTEGER NOT NULL,
          kind TEXT NOT NULL,
          business ANY,
          device TEXT,
          token INTEGER,
          from_seq INTEGER,
          to_seq INTEGER,
          records INTEGER,
          bytes INTEGER NOT NULL,
          duration_us INTEGER NOT NULL,
          status INTEGER NOT NULL,
          reason TEXT,
          address TEXT,
          agent TEXT
        ) STRICT;
        CREATE INDEX tidings_sync_logs_at ON tidings_sync_logs(at);
        CREATE INDEX tidings_sync_logs_device ON tidings_sync_logs(business, device);
        """,
    ]

    /// Brings the file forward. Writes nothing to one that is up to date: every command opens it.
    ///
    /// - Throws: `NewerRegistry`, or the database's errors.
    static func migrate(_ queue: DatabaseQueue, path: String) throws {
        guard try queue.read({ try missing(in: $0, path) }) > 0 else { return }
        try queue.write { db in
            for statement in migrations.suffix(try missing(in: db, path)) { try db.execute(sql: statement) }
            try db.execute(sql: "PRAGMA user_version = \(migrations.count)")
        }
    }

    /// How many steps the file is behind.
    private static func missing(in db: Database, _ path: String) throws -> Int {
        let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        guard found <= migrations.count else { throw NewerRegistry(path: path, found: found) }
        return migrations.count - found
    }
}

/// The file was written by a newer Tidings.
public struct NewerRegistry: Error, CustomStringConvertible {
    public let path: String
    public let found: Int
    public var description: String {
        """
        \(path) has schema \(found) and this tidings knows \(RegistrySchema.migrations.count): use the newer \
        tidings, or restore a backup
        """
    }
}
