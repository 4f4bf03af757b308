// The small questions about the journal that every reader asks, prepared once a connection.

import Domain
import GRDB
import Journal

/// Prepared questions. Lives on its connection's lane; valid inside a snapshot.
final class JournalStatements {
    private let transaction: ReadTransaction
    private let epochStatement: RawStatement
    private let headStatement: RawStatement
    private let nonceStatement: RawStatement
    private let oldestStatement: RawStatement
    private let floorStatement: RawStatement
    private let foldStatement: RawStatement
    private let liveStatement: RawStatement
    private let schemaStatement: RawStatement

    init(_ db: Database) throws {
        transaction = try ReadTransaction(db)
        schemaStatement = try RawStatement(db, "PRAGMA schema_version")
        epochStatement = try RawStatement(db, "SELECT value FROM tidings_meta WHERE key = 'epoch'")
        headStatement = try RawStatement(
            db, "SELECT seq, nonce FROM tidings_journal ORDER BY seq DESC LIMIT 1")
        nonceStatement = try RawStatement(db, "SELECT nonce FROM tidings_journal WHERE seq = ?1")
        oldestStatement = try RawStatement(db, "SELECT seq FROM tidings_journal ORDER BY seq LIMIT 1")
        floorStatement = try RawStatement(db, "SELECT seq FROM tidings_floor WHERE business = ?1")
        foldStatement = try RawStatement(
            db,
            """
            SELECT entity, id, op, version, was FROM tidings_journal
            WHERE seq > ?1 AND seq <= ?2 AND business = ?3 ORDER BY seq
            """)
        liveStatement = try RawStatement(
            db,
            """
            SELECT entity, id, version FROM tidings_state INDEXED BY tidings_state_seq
            WHERE business = ?1 AND entity = ?2 AND dead = 0
            """)
    }

    /// Everything that `read` reads is of one snapshot.
    func snapshot<Value>(_ read: () throws -> Value) throws -> Value { try transaction.snapshot(read) }

    /// - Throws: `NoJournal` when the database was never set up.
    func head() throws -> Head {
        guard let text = try epochStatement.first({ $0.text(0) }), let epoch = Epoch(hex: text) else {
            throw NoJournal()
        }
        let newest = try headStatement.first { (Seq($0.integer(0)), NonceTag(nonce: $0.integer(1))) }
        return Head(epoch: epoch, seq: newest?.0 ?? .zero, nonce: newest?.1 ?? .none)
    }

    /// Another number: somebody changed the schema, and what was prepared may select what is not there.
    func schemaVersion() throws -> Int64 { try schemaStatement.first { $0.integer(0) } ?? 0 }

    /// The tag of the row at `seq`; nil when no row stands there (any more).
    func nonce(at seq: Seq) throws -> NonceTag? {
        nonceStatement.bind(1, seq.rawValue)
        return try nonceStatement.first { NonceTag(nonce: $0.integer(0)) }
    }

    /// Tombstones up to here may be gone.
    func floor(of business: BusinessID) throws -> Seq {
        floorStatement.bind(1, business.key)
        return Seq(try floorStatement.first { $0.integer(0) } ?? 0)
    }

    /// The totals of one business at the snapshot's head: the balance, and what was journaled since.
    func totals(
        of scope: Scope, from balance: TotalsLedger.Balance, to head: Head
    ) throws -> [EntityNumber: Total] {
        guard try canFold(from: balance.at, to: head) else { return try count(scope) }
        var totals = balance.totals
        guard balance.at.seq < head.seq else { return totals }
        foldStatement.bind(1, balance.at.seq.rawValue)
        foldStatement.bind(2, head.seq.rawValue)
        foldStatement.bind(3, scope.business.key)
        try foldStatement.forEach { row in
            guard let entity = EntityNumber(Int(row.integer(0))), let id = row.key(1),
                let operation = Operation(rawValue: Int(row.integer(2)))
            else { return }
            totals[entity, default: Total()].fold(
                id: id, was: row.isNull(4) ? nil : row.integer(4), operation: operation,
                version: row.integer(3))
        }
        return totals
    }

    /// Whether every row between the two is there, and of the same history: a purge takes rows from the
    /// front, so the row at the balance vouches for all behind it.
    private func canFold(from balance: Head, to head: Head) throws -> Bool {
        guard balance.epoch == head.epoch, balance.seq <= head.seq else { return false }
        guard balance.seq < head.seq else { return balance.nonce == head.nonce }
        if balance.seq > .zero { return try nonce(at: balance.seq) == balance.nonce }
        return try oldest() == Seq(1)
    }

    /// The oldest row there is; nil in an empty journal.
    func oldest() throws -> Seq? { try oldestStatement.first { Seq($0.integer(0)) } }

    /// The same by counting: O(records of the business). Only while no ledger of this history exists, or when
    /// a purge overtook a reader that was held up for longer than a second.
    private func count(_ scope: Scope) throws -> [EntityNumber: Total] {
        var totals: [EntityNumber: Total] = [:]
        for entity in scope.entities {
            var total = Total()
            try forEachLive(entity, scope.business) { id, version in
                total.fold(id: id, was: nil, operation: .created, version: version)
            }
            totals[entity] = total
        }
        return totals
    }

    /// Walks the live records that a business has of an entity.
    func forEachLive(
        _ entity: EntityNumber, _ business: BusinessID, _ body: (Key, _ version: Int64) -> Void
    ) throws {
        liveStatement.bind(1, business.key)
        liveStatement.bind(2, Int64(entity.rawValue))
        try liveStatement.forEach { row in
            guard let id = row.key(1) else { return }
            body(id, row.integer(2))
        }
    }
}

/// The file has no journal: `tidings init`, or `tidings hooks install`.
public struct NoJournal: Error, CustomStringConvertible {
    public init() {}
    public var description: String {
        "the database has no tidings journal: run `tidings init` (embedded) or `tidings hooks install` first"
    }
}
