// Tidings' own tables in the database it tails: the journal, the state index, and what the hooks need beside
// them. Everything else the gateway keeps (devices, tokens, acknowledgements) lives in a file of its own, so
// that bookkeeping never takes the application's write lock.

import GRDB

/// The SQL of Tidings' own tables, and the one trigger that writes the state index.
public enum JournalSchema {
    /// Raised with every change of what follows; stored under `schema` in `tidings_meta`.
    public static let version = 3

    /// What a database of an older version lacks in tables that are there.
    static let additions: [(table: String, column: String, definition: String)] = [
        ("tidings_state", "at", "INTEGER NOT NULL DEFAULT 0")
    ]

    /// The version a database was made with; nil: it has no journal.
    ///
    /// - Throws: `NewerSchema`.
    static func found(_ db: Database, path: String) throws -> Int? {
        guard try db.hasTable("tidings_meta") else { return nil }
        let found = try Int.fetchOne(db, sql: "SELECT value FROM tidings_meta WHERE key = 'schema'")
        if let found, found > version { throw NewerSchema(path: path, found: found, known: version) }
        return found
    }

    /// Idempotent.
    public static let tables = [
        // epoch (12 hex digits), schema (integer)
        """
        CREATE TABLE IF NOT EXISTS tidings_meta(
          key TEXT PRIMARY KEY,
          value NOT NULL
        ) WITHOUT ROWID
        """,
        // Writers are serialised, so seq order is commit order. AUTOINCREMENT: without it purged seqs come
        // back. op: 1 created, 2 updated, 3 deleted, 4 restored, 5 adopted (was there before its table was
        // hooked). was: the version counted before this change, NULL if the record was not live. at:
        // milliseconds since 1970 when the hook ran (unixepoch('subsec') is NULL on SQLite 3.40).
        """
        CREATE TABLE IF NOT EXISTS tidings_journal(
          seq INTEGER PRIMARY KEY AUTOINCREMENT,
          entity INTEGER NOT NULL,
          business NOT NULL,
          id NOT NULL,
          op INTEGER NOT NULL,
          version INTEGER NOT NULL,
          was INTEGER,
          at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER)),
          nonce INTEGER NOT NULL DEFAULT (abs(random()) % 4294967296),
          device,
          operation
        )
        """,
        // One row per (record, business): a record that moves leaves a tombstone behind. born: the seq at
        // which this life began; 0 for adopted rows, which are older than any position. at: the journal
        // row's, which may be purged before its record changes again.
        """
        CREATE TABLE IF NOT EXISTS tidings_state(
          entity INTEGER NOT NULL,
          id NOT NULL,
          business NOT NULL,
          seq INTEGER NOT NULL,
          born INTEGER NOT NULL,
          version INTEGER NOT NULL,
          dead INTEGER NOT NULL,
          at INTEGER NOT NULL DEFAULT 0,
          PRIMARY KEY(entity, id, business)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX IF NOT EXISTS tidings_state_seq ON tidings_state(business, entity, seq)",
        // What retention looks for. Partial: a live record's change does not touch it.
        "CREATE INDEX IF NOT EXISTS tidings_state_dead ON tidings_state(business, seq) WHERE dead = 1",
        // The seq up to which tombstones of a business may have been purged.
        """
        CREATE TABLE IF NOT EXISTS tidings_floor(
          business PRIMARY KEY,
          seq INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        // Rows that a REPLACE may be about to delete silently, noted by BEFORE hooks.
        """
        CREATE TABLE IF NOT EXISTS tidings_suspect(
          entity INTEGER NOT NULL,
          id NOT NULL,
          PRIMARY KEY(entity, id)
        ) WITHOUT ROWID
        """,
        // Which tables were hooked, and what is still to be walked of them: purpose NULL is nothing. side: 0
        // the table, 1 the state index. walked: the last key of that side that is done, NULL is none.
        """
        CREATE TABLE IF NOT EXISTS tidings_hooked(
          entity INTEGER PRIMARY KEY,
          name TEXT NOT NULL,
          purpose TEXT,
          side INTEGER NOT NULL DEFAULT 0,
          walked
        )
        """,
        // Indexes that were made on the application's tables, to be dropped with the hooks.
        "CREATE TABLE IF NOT EXISTS tidings_index(name TEXT PRIMARY KEY) WITHOUT ROWID",
    ]

    /// The only writer of the state index. Only ON CONFLICT DO UPDATE: the outer statement's conflict clause
    /// would override an OR REPLACE.
    public static let applyTrigger = """
        CREATE TRIGGER tidings_apply AFTER INSERT ON tidings_journal BEGIN
          INSERT INTO tidings_state(entity, id, business, seq, born, version, dead, at)
          VALUES (NEW.entity, NEW.id, NEW.business, NEW.seq, CASE NEW.op WHEN 5 THEN 0 ELSE NEW.seq END,
                  NEW.version, NEW.op = 3, NEW.at)
          ON CONFLICT(entity, id, business) DO UPDATE SET
            seq = NEW.seq, version = NEW.version,
            born = CASE WHEN dead AND NEW.op <> 3 THEN NEW.seq ELSE born END, dead = (NEW.op = 3),
            at = NEW.at;
        END
        """
}
