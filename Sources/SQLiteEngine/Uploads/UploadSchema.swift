// What makes uploads exactly-once: it stands in the tailed database, because it is written in the transaction
// of the effect. Made by the first gateway that takes uploads.

/// The SQL of the uploads' own tables. Idempotent.
enum UploadSchema {
    static let tables = [
        // Only operations that were applied or rejected for good: everything else may be tried again.
        // operation: in lower case. at: milliseconds since 1970.
        """
        CREATE TABLE IF NOT EXISTS tidings_operations(
          business NOT NULL,
          operation TEXT NOT NULL,
          device TEXT NOT NULL,
          fingerprint TEXT NOT NULL,
          status TEXT NOT NULL,
          http_status INTEGER NOT NULL,
          entity INTEGER,
          id,
          version INTEGER,
          client_id TEXT,
          error TEXT,
          message TEXT,
          at INTEGER NOT NULL,
          PRIMARY KEY(business, operation)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX IF NOT EXISTS tidings_operations_at ON tidings_operations(at)",
        // Answers to requests that had an Idempotency-Key, word for word.
        """
        CREATE TABLE IF NOT EXISTS tidings_answers(
          business NOT NULL,
          device TEXT NOT NULL,
          key TEXT NOT NULL,
          fingerprint TEXT NOT NULL,
          body TEXT NOT NULL,
          at INTEGER NOT NULL,
          PRIMARY KEY(business, device, key)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX IF NOT EXISTS tidings_answers_at ON tidings_answers(at)",
    ]
}
