// The one connection of ours that moves the WAL into the database. Embedded only: an application that is
// attached to does its own, and a second checkpointer is what the WAL-reset bug of SQLite before 3.51.3
// needs.

import GRDB

/// Checkpoints now and then. Lives on one lane.
public final class Checkpointer {
    private let file: DatabaseFile
    private var queue: DatabaseQueue?

    public init(file: DatabaseFile) { self.file = file }

    /// Moves what no reader needs any more; never waits for anybody. About once a second.
    public func run() throws {
        let queue = try self.queue ?? file.open(.checkpointer)
        self.queue = queue
        try queue.inDatabase { db in
            _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)")
        }
    }

    /// The file was replaced: open the new one next time.
    public func forget() { queue = nil }
}
