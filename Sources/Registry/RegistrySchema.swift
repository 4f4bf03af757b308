// The gateway's own file: who may connect, and how far each device has come. Nothing of it is in the tailed
// database, so that the bookkeeping of twenty thousand tills never takes the application's write lock.

import GRDB

enum RegistrySchema {
    /// Forward only; the number of a step is its place. Stored in `PRAGMA user_version`.
    static let migrations: [String] = [
        """
        CREATE TABLE tidings_users(
          id INTEGER PRIMARY KEY,
          business NOT NULL,
          name TEXT NOT NULL,
          created_at INTEGER NOT NULL
        );
        -- The layout of Laravel Sanctum's personal_access_tokens, and what a till needs beside it.
        CREATE TABLE tidings_tokens(
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          tokenable_type TEXT NOT NULL,
          tokenable_id NOT NULL,
          name TEXT NOT NULL,
          token TEXT NOT NULL UNIQUE,
          abilities TEXT NOT NULL,
          business NOT NULL,
          device TEXT,
          last_used_at INTEGER,
          expires_at INTEGER,
          revoked_at INTEGER,
          created_at INTEGER NOT NULL
        );
        CREATE TABLE tidings_devices(
          business NOT NULL,
          device TEXT NOT NULL,
          name TEXT NOT NULL,
          platform TEXT,
          app_version TEXT,
          state TEXT NOT NULL DEFAULT 'active',
          acknowledged_epoch TEXT,
          acknowledged_seq INTEGER,
          acknowledged_at INTEGER,
          created_at INTEGER NOT NULL,
          last_seen_at INTEGER NOT NULL,
          PRIMARY KEY(business, device)
        ) WITHOUT ROWID;
        CREATE TABLE tidings_enrolment_codes(
          id INTEGER PRIMARY KEY,
          hash TEXT NOT NULL UNIQUE,
          business NOT NULL,
          abilities TEXT NOT NULL,
          uses_left INTEGER NOT NULL,
          expires_at INTEGER NOT NULL,
          created_at INTEGER NOT NULL
        );
        CREATE TABLE tidings_tickets(
          hash TEXT PRIMARY KEY,
          token INTEGER NOT NULL,
          created_at INTEGER NOT NULL,
          expires_at INTEGER NOT NULL,
          bound_until INTEGER NOT NULL,
          used_at INTEGER,
          ready_at INTEGER,
          told_dead_at INTEGER
        ) WITHOUT ROWID;
        -- What reconnect cookies are made with.
        CREATE TABLE tidings_keys(
          name TEXT PRIMARY KEY,
          value BLOB NOT NULL
        ) WITHOUT ROWID;
        INSERT INTO tidings_keys(name, value) VALUES ('cookie', randomblob(32));
        CREATE INDEX tidings_tickets_bound ON tidings_tickets(bound_until);
        """
    ]

    static func migrate(_ queue: DatabaseQueue, path: String) throws {
        try queue.inTransaction(.immediate) { db in
            let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            guard found <= migrations.count else { throw NewerRegistry(path: path, found: found) }
            for statement in migrations[found...] { try db.execute(sql: statement) }
            try db.execute(sql: "PRAGMA user_version = \(migrations.count)")
            return .commit
        }
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
