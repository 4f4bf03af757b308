// The one connection of ours that moves the WAL into the database. Embedded only: an application that is
// attached to does its own, and a second checkpointer is what the WAL-reset bug of SQLite before 3.51.3
// needs.
//
// A passive checkpoint waits for nobody, and so never ends while others write: what they commit meanwhile is
// left, the -wal file never begins anew, and it grows as long as they go on. So a long one is moved again,
// with the little that is left moved and the file cut under the write lock. sqlite.org/wal.html § "Avoiding
// Excessively Large WAL Files"

import GRDB
import Glibc

/// Checkpoints now and then. Lives on its worker lane; blocks.
public final class Checkpointer {
    private let file: DatabaseFile
    private let cutBeyondBytes: Int
    private var queue: DatabaseQueue?

    /// Frames that are moved under the write lock in some milliseconds.
    private static let remainderMax = 500
    /// A lock is tried every half millisecond for a tenth of a second: SQLite's own pauses of up to 100 ms
    /// seldom meet a gap between busy writers.
    private static let lockTries = 200

    /// - Parameter cutBeyondBytes: A -wal file with more than this in it is cut to nothing.
    public init(file: DatabaseFile, cutBeyondBytes: Int = 16 << 20) {
        self.file = file
        self.cutBeyondBytes = cutBeyondBytes
    }

    /// Moves what no reader needs any more; cuts the -wal file when it is long. About once a second.
    public func run() throws {
        let waiting = Database.BusyMode.callback { tries in
            usleep(500)
            return tries < Self.lockTries
        }
        let queue = try self.queue ?? file.open(.checkpointer, busyMode: waiting)
        self.queue = queue
        try queue.inDatabase { db in
            var left = try checkpoint(db, "PASSIVE")
            guard left.frames * left.pageBytes > cutBeyondBytes else { return }
            for _ in 0..<3 where left.frames - left.moved > Self.remainderMax {
                left = try checkpoint(db, "PASSIVE")
            }
            _ = try checkpoint(db, "TRUNCATE")
        }
    }

    /// How many frames the -wal file has, and how many of them were moved. Of a lock that was not to be had,
    /// nothing is said: the next time will do.
    private func checkpoint(
        _ db: Database, _ mode: String
    ) throws -> (frames: Int, moved: Int, pageBytes: Int) {
        let pageBytes = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 4_096
        let row = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(\(mode))")
        return (row?[1] ?? 0, row?[2] ?? 0, pageBytes)
    }

    /// The file was replaced: open the new one next time.
    public func forget() { queue = nil }
}
