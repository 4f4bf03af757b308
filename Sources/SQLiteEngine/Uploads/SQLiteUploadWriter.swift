// Batches of uploads: one write transaction each, a savepoint for each group, and every operation exactly
// once.
//
// Rules that cost somebody a doubled or a lost sale (docs/ARCHITECTURE.md § Uploads):
// - a statement can end the transaction by itself (`RAISE(ROLLBACK)`, a full disk): after each operation
//   autocommit is looked at, and if it is on nothing counts as applied; the batch runs again without that
//   group;
// - deferred foreign keys fail only at COMMIT, for everyone: a group that leaves one open is rolled back;
// - only `applied` and `rejected` are remembered: a stored `skipped` would mean the sale is never sold;
// - the connection's file is the one at the path before the transaction and at its end: a database that was
//   renamed over must not swallow what was acknowledged;
// - whether its sender was shut out is asked with the write lock in hand: what is erased after that stays so.

public import Domain
import GRDB
public import Journal
public import Lanes

/// Applies batches over one connection of its own. Lives on its worker lane.
public final class SQLiteUploadWriter: UploadWriter {
    private let file: DatabaseFile
    private let catalogue: EntityCatalogue
    private let clock: WallClock
    private let rememberedMilliseconds: Int64
    private let isShutOut: (TokenID) throws -> Bool
    private var open: Open?

    private struct Open {
        let queue: DatabaseQueue
        let identity: FileIdentity?
        let journal: JournalStatements
    }

    /// Answers to an `Idempotency-Key` are kept for a day.
    private static let answersMilliseconds: Int64 = 86_400_000
    /// Groups that ended the transaction, before the rest of the batch is left for another time.
    private static let endingsMax = 16
    /// Rows forgotten in one transaction.
    private static let forgottenMax = 500

    /// - Parameters:
    ///   - remembered: How long an operation is known by its id.
    ///   - isShutOut: Whether the holder of a token is, at this moment.
    public init(
        file: DatabaseFile, catalogue: EntityCatalogue, clock: WallClock, remembered: Duration,
        isShutOut: @escaping (TokenID) throws -> Bool
    ) {
        self.isShutOut = isShutOut
        self.file = file
        self.catalogue = catalogue
        self.clock = clock
        rememberedMilliseconds = remembered.components.seconds * 1_000
    }

    /// The connection to the file that stands at the path now.
    private func current() throws -> Open {
        let identity = file.identity
        if let open, open.identity == identity { return open }
        let queue = try file.open(.writer)
        let journal = try queue.inDatabase { db in
            try db.inTransaction(.immediate) {
                for sql in UploadSchema.tables { try db.execute(sql: sql) }
                return .commit
            }
            return try JournalStatements(db)
        }
        let made = Open(queue: queue, identity: identity, journal: journal)
        open = made
        return made
    }

    public func apply(
        _ batch: UploadBatch, body: ([OperationResult], Head?) -> [UInt8]
    ) throws -> UploadOutcome {
        let open = try current()
        return try open.queue.inDatabase { db in
            var ended: Set<Int> = []
            while true {
                do {
                    return try attempt(batch, without: ended, db, open, body)
                } catch let ending as TransactionEnded where ended.insert(ending.group).inserted {
                    continue
                } catch {
                    if db.isInsideTransaction { try? db.execute(sql: "ROLLBACK") }
                    // Our tables may have been taken out and put back: opening makes what is missing.
                    if (error as? DatabaseError)?.resultCode == .SQLITE_ERROR { self.open = nil }
                    throw error
                }
            }
        }
    }

    // MARK: The transaction

    private func attempt(
        _ batch: UploadBatch, without ended: Set<Int>, _ db: Database, _ open: Open,
        _ body: ([OperationResult], Head?) -> [UInt8]
    ) throws -> UploadOutcome {
        try db.execute(sql: "BEGIN IMMEDIATE")
        guard try !isShutOut(batch.token) else {
            try db.execute(sql: "ROLLBACK")
            return .shutOut
        }
        let now = clock.now
        if let known = try answered(batch, now, db) {
            try db.execute(sql: "ROLLBACK")
            return known
        }
        let run = UploadRun(
            business: batch.business, device: batch.device, now: now, catalogue: catalogue, db: db,
            journal: open.journal)
        let last = ended.count < Self.endingsMax ? batch.groups.count : ended.max() ?? 0
        var results: [OperationResult] = []
        for (index, group) in batch.groups.enumerated() {
            if index > last {
                results += group.map { .skipped($0, because: nil) }
            } else {
                results += try run.apply(group, number: index, isEnding: ended.contains(index))
            }
            if batch.isAtomic, let culprit = results.first(where: \.needsAttention) {
                try db.execute(sql: "ROLLBACK")
                let rest = batch.groups[(index + 1)...].joined()
                return .undone(
                    results.map { $0.undone(because: culprit.operation) }
                        + rest.map { .skipped($0, because: culprit.operation) })
            }
        }
        let head = results.contains { !$0.needsAttention } ? try open.journal.head() : nil
        let answer = body(results, head)
        try remember(answer, batch, now, db)
        guard file.identity == open.identity else { throw DatabaseReplaced() }
        try db.execute(sql: "COMMIT")
        return .answered(results, head, body: answer)
    }

    // MARK: Idempotency-Key

    private func answered(_ batch: UploadBatch, _ now: Timestamp, _ db: Database) throws -> UploadOutcome? {
        guard let idempotency = batch.idempotency else { return nil }
        let statement = try db.cachedStatement(
            sql: """
                SELECT fingerprint, body FROM tidings_answers
                WHERE business = ? AND device = ? AND key = ? AND at > ?
                """)
        let row = try Row.fetchOne(
            statement,
            arguments: [
                batch.business.key.databaseValue, batch.device, idempotency.key,
                now.microseconds / 1_000 - Self.answersMilliseconds,
            ])
        guard let row else { return nil }
        let isSame = row["fingerprint"] as String == idempotency.fingerprint
        return isSame ? .replayed(Array((row["body"] as String).utf8)) : .keyReused
    }

    private func remember(_ answer: [UInt8], _ batch: UploadBatch, _ now: Timestamp, _ db: Database) throws {
        guard let idempotency = batch.idempotency else { return }
        try db.cachedStatement(
            sql: """
                INSERT INTO tidings_answers(business, device, key, fingerprint, body, at)
                VALUES(?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET fingerprint = excluded.fingerprint, body = excluded.body,
                  at = excluded.at
                """
        ).execute(arguments: [
            batch.business.key.databaseValue, batch.device, idempotency.key,
            idempotency.fingerprint, String(decoding: answer, as: UTF8.self), now.microseconds / 1_000,
        ])
    }

    // MARK: Forgetting

    public func forget() throws -> Bool {
        let now = clock.now.microseconds / 1_000
        let open = try current()
        return try open.queue.inDatabase { db in
            let operations = try forget(
                "tidings_operations", "business, operation", before: now - rememberedMilliseconds, db)
            let answers = try forget(
                "tidings_answers", "business, device, key", before: now - Self.answersMilliseconds, db)
            return operations || answers
        }
    }

    /// Takes the write lock only when there is something to forget.
    private func forget(_ table: String, _ key: String, before: Int64, _ db: Database) throws -> Bool {
        let isDue = try Bool.fetchOne(
            db, sql: "SELECT EXISTS(SELECT 1 FROM \(table) WHERE at < ?)", arguments: [before])
        guard isDue == true else { return false }
        try db.inTransaction(.immediate) {
            try db.execute(
                sql: """
                    DELETE FROM \(table) WHERE (\(key)) IN
                      (SELECT \(key) FROM \(table) WHERE at < ? ORDER BY at LIMIT \(Self.forgottenMax))
                    """, arguments: [before])
            return .commit
        }
        return db.changesCount >= Self.forgottenMax
    }
}

/// Another file stands at the path: nothing was applied, try again.
struct DatabaseReplaced: Error, CustomStringConvertible {
    var description: String { "another file was put in the database's place" }
}

/// A statement of this group ended the whole transaction.
struct TransactionEnded: Error {
    let group: Int
}

extension OperationResult {
    /// Of a batch that was rolled back whole.
    fileprivate func undone(because culprit: String) -> OperationResult {
        guard status == .applied else { return self }
        var result = OperationResult.skipped(operation, because: culprit)
        result.entity = entity
        return result
    }

    /// - Parameter culprit: The operation whose failure it shares; nil: it was not tried.
    static func skipped(_ operation: UploadOperation, because culprit: String?) -> OperationResult {
        var result = skipped(operation.id, because: culprit)
        result.entity = operation.entity
        return result
    }

    private static func skipped(_ operation: String, because culprit: String?) -> OperationResult {
        var result = OperationResult(operation: operation, status: .skipped, httpStatus: 424)
        let why = culprit.map { "It stands and falls with \($0), which was not applied." }
        result.error = ("skipped", why ?? "It was not tried; send it again.")
        return result
    }
}
