// One batch inside its transaction: group by group, operation by operation.

import Domain
import GRDB
import GRDBSQLite
import Journal

/// Applies operations in the open transaction. Lives on the uploads' lane, as long as the transaction.
final class UploadRun {
    let business: BusinessID
    let device: String
    let now: Timestamp
    let catalogue: EntityCatalogue
    let db: Database
    private let journal: JournalStatements
    private var fitted: [EntityNumber: EntityDefinition] = [:]

    init(
        business: BusinessID, device: String, now: Timestamp, catalogue: EntityCatalogue, db: Database,
        journal: JournalStatements
    ) {
        self.business = business
        self.device = device
        self.now = now
        self.catalogue = catalogue
        self.db = db
        self.journal = journal
    }

    // MARK: Groups

    /// - Parameter isEnding: It ended the transaction when it was tried: it is not tried again.
    func apply(_ group: [UploadOperation], number: Int, isEnding: Bool) throws -> [OperationResult] {
        let results: [OperationResult]
        if isEnding {
            results = try group.map { operation in
                try remembered(operation)
                    ?? result(operation, .rejected, 422, "refused", "The database refused this.")
            }
        } else {
            try run("SAVEPOINT tidings_group")
            results = try outcome(of: group, number: number)
            if results.contains(where: \.needsAttention) { try run("ROLLBACK TO tidings_group") }
            try run("RELEASE tidings_group")
        }
        // What was written before the rollback is gone with it.
        for (operation, result) in zip(group, results) where result.status == .rejected {
            try remember(operation, result)
        }
        return results
    }

    private func outcome(of group: [UploadOperation], number: Int) throws -> [OperationResult] {
        var results: [OperationResult] = []
        for operation in group {
            results.append(try applyOne(operation, group: number))
            guard db.isInsideTransaction else { throw TransactionEnded(group: number) }
            if results[results.count - 1].needsAttention { break }
        }
        if results.allSatisfy({ !$0.needsAttention }), hasOpenForeignKeys, let last = group.last {
            results[results.count - 1] = result(last, .invalid, 422, "foreign_key", Self.danglingText)
        }
        guard let failed = results.firstIndex(where: \.needsAttention) else { return results }
        return group.enumerated().map { index, operation in
            let isKept = index == failed || index < failed && results[index].status == .duplicate
            return isKept ? results[index] : .skipped(operation, because: group[failed].id)
        }
    }

    /// Deferred constraints that COMMIT would fail on.
    private var hasOpenForeignKeys: Bool {
        var current: Int32 = 0
        var highest: Int32 = 0
        guard let connection = unsafe db.sqliteConnection else { return false }
        unsafe sqlite3_db_status(connection, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0)
        return current > 0
    }

    // MARK: Operations

    private func applyOne(_ operation: UploadOperation, group: Int) throws -> OperationResult {
        if let known = try remembered(operation) { return known }
        guard let entity = try operation.entity.flatMap(entity) else {
            return invalid(operation, operation.failures)
        }
        guard catalogue[entity.number]?.writable.isEmpty == false, mayHold(entity) else {
            return result(operation, .rejected, 403, "not_writable", "Devices do not write \(entity.name).")
        }
        do {
            var failures = operation.failures
            let values = try resolved(operation, of: entity, &failures)
            guard failures.isEmpty else { return invalid(operation, failures) }
            let before = try journal.head().seq
            let result = try write(operation, entity, values)
            guard result.status == .applied else { return result }
            try markOrigin(of: operation, after: before)
            try remember(operation, result)
            return result
        } catch let error as DatabaseError {
            // Only a constraint is the operation's own fault; a full disk is not.
            guard error.resultCode == .SQLITE_CONSTRAINT || error.resultCode == .SQLITE_MISMATCH else {
                throw error
            }
            guard db.isInsideTransaction else { throw TransactionEnded(group: group) }
            return refused(operation, entity, by: error)
        }
    }

    /// An entity as its table is in this transaction: what a migration took away is neither asked for nor
    /// written. Whose a row is must be known, and so that column is always asked for.
    func entity(_ number: EntityNumber) throws -> EntityDefinition? {
        if let known = fitted[number] { return known }
        guard var entity = catalogue[number] else { return nil }
        if let table = try TableSchema.read(entity.table, db) {
            func kept(_ column: String?) -> String? { column.flatMap { table.has($0) ? $0 : nil } }
            entity.createdAtColumn = kept(entity.createdAtColumn)
            entity.updatedAtColumn = kept(entity.updatedAtColumn)
            entity.deletedAtColumn = kept(entity.deletedAtColumn)
            entity.writable = entity.writable.filter { table.has($0.column) }
        }
        fitted[number] = entity
        return entity
    }

    private func mayHold(_ entity: EntityDefinition) -> Bool {
        if case .fixed(let own) = entity.business { own == business.key } else { true }
    }

    /// Everything that was journaled since is this operation's doing: nobody else writes while the
    /// transaction is open. So other writers' triggers know nothing of origins.
    private func markOrigin(of operation: UploadOperation, after seq: Seq) throws {
        try run(
            "UPDATE tidings_journal SET device = ?, operation = ? WHERE seq > ?",
            [device.databaseValue, operation.id.databaseValue, seq.rawValue.databaseValue])
    }

    func run(_ sql: String, _ values: [DatabaseValue] = []) throws {
        try db.cachedStatement(sql: sql).execute(arguments: StatementArguments(values))
    }

    func row(_ sql: String, _ values: [DatabaseValue]) throws -> Row? {
        try Row.fetchOne(try db.cachedStatement(sql: sql), arguments: StatementArguments(values))
    }

    // MARK: Memory

    private func remember(_ operation: UploadOperation, _ result: OperationResult) throws {
        try run(
            """
            INSERT INTO tidings_operations(business, operation, device, fingerprint, status, http_status,
              entity, id, version, client_id, error, message, at)
            VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            [
                business.key.databaseValue, operation.key.databaseValue, device.databaseValue,
                operation.fingerprint.databaseValue, result.status.rawValue.databaseValue,
                result.httpStatus.databaseValue, operation.entity?.rawValue.databaseValue ?? .null,
                result.id?.databaseValue ?? .null, result.version?.databaseValue ?? .null,
                result.clientID?.databaseValue ?? .null, result.error?.code.databaseValue ?? .null,
                result.error?.message.databaseValue ?? .null, (now.microseconds / 1_000).databaseValue,
            ])
    }

    /// Its result, if it was applied or rejected before.
    private func remembered(_ operation: UploadOperation) throws -> OperationResult? {
        let key = [business.key.databaseValue, operation.key.databaseValue]
        let row = try row("SELECT * FROM tidings_operations WHERE business = ? AND operation = ?", key)
        guard let row else { return nil }
        let isApplied = row["status"] as String == OperationResult.Status.applied.rawValue
        guard row["fingerprint"] as String == operation.fingerprint else {
            if isApplied {
                return result(
                    operation, .rejected, 409, "op_id_reused", "This op_id was applied with other content.")
            }
            // Rejected and then mended: it may be tried.
            try run("DELETE FROM tidings_operations WHERE business = ? AND operation = ?", key)
            return nil
        }
        var result = OperationResult(
            operation: operation.id, status: isApplied ? .duplicate : .rejected,
            httpStatus: isApplied ? 200 : row["http_status"])
        result.entity = operation.entity
        result.id = Key(row["id"] as DatabaseValue)
        result.version = row["version"]
        result.clientID = row["client_id"]
        if let code: String = row["error"] { result.error = (code, row["message"] ?? "") }
        return result
    }
}
