// Forgetting, in small batches: each is one short transaction, so that writers wait for milliseconds at most,
// and one in which tombstones go is the one in which the floor moves. A reader that judges a token reads the
// floor in the same snapshot as its delta: it sees both or neither.

import Domain
import GRDB
public import Journal
public import Telemetry

/// Purges journal rows and tombstones. Lives on its worker lane; blocks.
public final class Purger {
    private let file: DatabaseFile
    private var queue: DatabaseQueue?
    private var identity: FileIdentity?
    /// Where the walk over the businesses goes on.
    private var next: BusinessID?

    /// - Parameter file: Its writers go first: a lock that is not to be had within a quarter of a second is
    ///   tried again later.
    public init(file: DatabaseFile) {
        var patient = file
        patient.busyTimeoutSeconds = 0.25
        self.file = patient
    }

    /// Deletes the oldest journal rows, at most `rowsMax`. Returns how many went; fewer than `rowsMax`: no
    /// more may.
    ///
    /// - Throws: `HistoryChanged` when the database is not the one the limits were made for.
    public func purgeJournal(_ limits: RetentionLimits, rowsMax: Int) throws -> Int {
        guard limits.journal > .zero else { return 0 }
        let count = try write { db in
            let journal = try prove(limits.served, db)
            guard let oldest = try journal.oldest() else { return 0 }
            Self.oldestRow.set(Int(oldest.rawValue))
            let last = min(limits.journal.rawValue, oldest.rawValue + Int64(rowsMax) - 1)
            // The newest row always stays, whatever the limits say.
            try db.execute(
                sql: """
                    DELETE FROM tidings_journal
                    WHERE seq <= ? AND seq < (SELECT max(seq) FROM tidings_journal)
                    """, arguments: [last])
            return max(0, Int(last - oldest.rawValue + 1))
        }
        Self.purgedRows.add(count)
        return count
    }

    /// Deletes tombstones of one business, at most `rowsMax`, and moves its floor with them; the next call
    /// goes on from there. Returns how many went; 0: no more may, in any business.
    ///
    /// - Throws: `HistoryChanged` when the database is not the one the limits were made for.
    public func purgeTombstones(_ limits: RetentionLimits, rowsMax: Int) throws -> Int {
        guard limits.tombstones > .zero else { return 0 }
        while let business = try businessAfter(next) {
            let (last, count) = try doomed(business, through: limits.tombstones(of: business), rowsMax)
            if count > 0 { try purge(business, through: last, limits.served) }
            if count < rowsMax { next = business }
            Self.purgedTombstones.add(count)
            if count > 0 { return count }
        }
        next = nil
        return 0
    }

    /// The seq of the last tombstone of a batch, and how many it has. What is dead here stays dead, or gets a
    /// seq beyond.
    private func doomed(
        _ business: BusinessID, through limit: Seq, _ rowsMax: Int
    ) throws -> (last: Seq, count: Int) {
        try open().inDatabase { db in
            let statement = try RawStatement(
                db,
                """
                SELECT max(seq), count(*) FROM (SELECT seq FROM tidings_state INDEXED BY tidings_state_dead
                  WHERE dead = 1 AND business = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)
                """)
            statement.bind(1, business.key)
            statement.bind(2, limit.rawValue)
            statement.bind(3, Int64(rowsMax))
            return try statement.first { (Seq($0.integer(0)), Int($0.integer(1))) } ?? (.zero, 0)
        }
    }

    private func purge(_ business: BusinessID, through last: Seq, _ served: Head) throws {
        try write { db in
            _ = try prove(served, db)
            for sql in [
                """
                DELETE FROM tidings_state INDEXED BY tidings_state_dead
                WHERE dead = 1 AND business = ?1 AND seq <= ?2
                """,
                """
                INSERT INTO tidings_floor(business, seq) VALUES (?1, ?2)
                ON CONFLICT(business) DO UPDATE SET seq = max(seq, excluded.seq)
                """,
            ] {
                let statement = try RawStatement(db, sql)
                statement.bind(1, business.key)
                statement.bind(2, last.rawValue)
                try statement.run()
            }
        }
        Self.highestFloor.set(max(Self.highestFloor.value, Int(last.rawValue)))
    }

    /// The first business behind `business` that has tombstones, in SQLite's order of values. One that is no
    /// key, and so nobody's, is passed over.
    private func businessAfter(_ business: BusinessID?) throws -> BusinessID? {
        try open().inDatabase { db in
            let after = business == nil ? "" : "AND business > ?1"
            let statement = try RawStatement(
                db,
                """
                SELECT DISTINCT business FROM tidings_state INDEXED BY tidings_state_dead
                WHERE dead = 1 \(after) ORDER BY business
                """)
            if let business { statement.bind(1, business.key) }
            defer { statement.reset() }
            while try statement.step() {
                if let key = statement.key(0) { return BusinessID(key) }
            }
            return nil
        }
    }

    // MARK: The connection

    private func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let queue = try open()
        return try queue.inDatabase { db in
            var value: Value?
            try db.inTransaction(.immediate) {
                value = try body(db)
                return .commit
            }
            guard let value else { preconditionFailure("the transaction ran") }
            return value
        }
    }

    /// The connection to the file that stands at the path now.
    private func open() throws -> DatabaseQueue {
        let now = file.identity
        if let queue, now == identity { return queue }
        let queue = try file.open(.writer)
        identity = file.identity
        self.queue = queue
        return queue
    }

    /// Positions of one history must purge nothing in another.
    private func prove(_ served: Head, _ db: Database) throws -> JournalStatements {
        let journal = try JournalStatements(db)
        guard try journal.head().epoch == served.epoch, try journal.nonce(at: served.seq) == served.nonce
        else {
            throw HistoryChanged("the last served row is not there")
        }
        return journal
    }

    // MARK: Counted

    private static let purgedRows = Counter(
        "tidings_journal_purged_total", help: "Journal rows that retention removed.")
    private static let oldestRow = Gauge(
        "tidings_journal_oldest_seq", help: "The oldest journal row when retention last looked.")
    private static let purgedTombstones = Counter(
        "tidings_tombstones_purged_total", help: "Tombstones that retention removed.")
    private static let highestFloor = Gauge(
        "tidings_retention_floor_seq",
        help: "The highest seq up to which this process has purged tombstones of a business.")

    /// What it shows at `/metrics`.
    public static let metrics: [any Metric] = [purgedRows, oldestRow, purgedTombstones, highestFloor]
}
