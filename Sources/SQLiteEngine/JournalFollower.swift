// The journal as people watch it: row after row, straight from the database, without a gateway.

public import Domain
import GRDB

/// Reads journal rows in order. Lives on one thread.
public final class JournalFollower {
    private let queue: DatabaseQueue
    public private(set) var position: Seq

    /// - Parameter position: Rows after this one; nil: only what is committed from now on.
    /// - Throws: `NoJournal`, or the database's errors.
    public init(file: DatabaseFile, after position: Seq?) throws {
        queue = try file.open(.reader)
        let head = try queue.inDatabase { db in try JournalStatements(db).head() }
        self.position = position ?? head.seq
    }

    /// The next rows, at most `limit`; empty when nothing is new.
    public func next(limit: Int = 500) throws -> [Change] {
        try queue.inDatabase { db in
            let rows = try RawStatement(db, JournalRow.select + " LIMIT \(limit)")
            rows.bind(1, position.rawValue)
            var found: [Change] = []
            try rows.forEach { row in
                position = Seq(row.integer(0))
                if let change = JournalRow.change(row) { found.append(change) }
            }
            return found
        }
    }
}

/// How a journal row is read, wherever it is.
enum JournalRow {
    private static let columns =
        "seq, entity, business, id, op, version, was, at, nonce, device, operation"

    /// Bind the position at 1.
    static let select = "SELECT \(columns) FROM tidings_journal WHERE seq > ?1 ORDER BY seq"

    /// Rows from the one at 1 on, with the epoch of their history: with a NULL seq beside it when there are
    /// none, and nothing at all when there is no epoch.
    static let selectWithEpoch = """
        SELECT \(columns), value FROM tidings_meta LEFT JOIN tidings_journal ON seq >= ?1
        WHERE key = 'epoch' ORDER BY seq
        """

    /// A row as a change; nil for what no catalogue knows (an entity of a newer version, a key of no type).
    static func change(_ row: RawStatement) -> Change? {
        guard let entity = EntityNumber(Int(row.integer(1))), let business = row.key(2), let id = row.key(3),
            let operation = Operation(rawValue: Int(row.integer(4)))
        else { return nil }
        return Change(
            seq: Seq(row.integer(0)), business: BusinessID(business),
            record: RecordReference(entity: entity, id: id), operation: operation, version: row.integer(5),
            was: row.isNull(6) ? nil : row.integer(6), writtenAtMilliseconds: row.integer(7),
            nonce: NonceTag(nonce: row.integer(8)),
            origin: row.isNull(10) ? nil : Origin(device: row.text(9), operation: row.text(10)))
    }
}
