// What an operation needs to know, and how its result is said: what its references mean, how a record stands,
// what the database's refusal means in the words of the catalogue.

import Domain
import GRDB
import Journal

/// How a record of the business stands.
struct RecordState {
    let version: Int64
    let isDead: Bool
    let seq: Seq
}

extension UploadRun {
    static let unknownReferenceText = "No applied operation of this kind has the op_id it refers to."
    static let danglingText = "Something that this refers to does not exist, or something refers to this."

    // MARK: References

    /// The values as they are stored; what cannot be is added to the failures.
    func resolved(
        _ operation: UploadOperation, of own: EntityDefinition, _ failures: inout [WriteFailure]
    ) throws -> StoredValues {
        var values: StoredValues = []
        for (field, value) in operation.values {
            guard own.writable.contains(field) else {
                failures.append((field.name, "The \(field.title) field is no longer there."))
                continue
            }
            guard let target = field.target, value != .null else {
                values.append((field, field.stored(value)))
                continue
            }
            guard let entity = try catalogue.number(named: target).flatMap(entity) else { continue }
            if case .reference(let other) = value, try outcome(of: other, entity) == nil {
                failures.append((field.name, Self.unknownReferenceText))
            } else if let id = try key(value, entity), try state(entity, id)?.isDead == false {
                values.append((field, id.databaseValue))
            } else {
                failures.append((field.name, "The selected \(field.title) is invalid."))
            }
        }
        return values
    }

    /// The record an update or a deletion names.
    func record(of operation: UploadOperation, _ entity: EntityDefinition) throws -> Key? {
        try operation.record.flatMap { try key($0, entity) }
    }

    private func key(_ value: UploadValue, _ entity: EntityDefinition) throws -> Key? {
        switch value {
        case .integer(let id): .integer(id)
        // Integers that JavaScript cannot hold travel as strings.
        case .text(let id): entity.keyKind == .integer ? Key(parsing: id) : .text(id)
        case .reference(let other): try outcome(of: other, entity)?.id
        default: nil
        }
    }

    /// What an applied operation on such a record led to, in this batch or before, by whichever device of the
    /// business: one that was reinstalled has another name and the same queue.
    func outcome(of operation: String, _ entity: EntityDefinition) throws -> (id: Key, version: Int64)? {
        let row = try row(
            """
            SELECT id, version FROM tidings_operations
            WHERE business = ? AND operation = ? AND status = 'applied' AND entity = ?
            """,
            [
                business.key.databaseValue, operation.lowercased().databaseValue,
                entity.number.rawValue.databaseValue,
            ])
        guard let row, let id = Key(row["id"] as DatabaseValue) else { return nil }
        return (id, row["version"] ?? 0)
    }

    // MARK: Records

    /// Nil when this business never had it.
    func state(_ entity: EntityDefinition, _ id: Key) throws -> RecordState? {
        try row(
            """
            SELECT s.version, s.seq, s.dead OR NOT EXISTS(SELECT 1 FROM \(quoted(entity.table)) t
              WHERE t.\(quoted(entity.keyColumn)) = s.id AND \(entity.isOwn("t", of: "s.business", in: nil))) AS dead
            FROM tidings_state s WHERE s.entity = ? AND s.id = ? AND s.business = ?
            """,
            [entity.number.rawValue.databaseValue, id.databaseValue, business.key.databaseValue]
        ).map { RecordState(version: $0["version"], isDead: $0["dead"], seq: Seq($0["seq"] as Int64)) }
    }

    /// The device whose upload made the record what it is; nil: nobody's, or long ago.
    func lastWriter(_ state: RecordState) throws -> String? {
        try row("SELECT device FROM tidings_journal WHERE seq = ?", [state.seq.rawValue.databaseValue])?[0]
    }

    // MARK: Results

    func result(
        _ operation: UploadOperation, _ status: OperationResult.Status, _ httpStatus: Int, _ code: String,
        _ message: String
    ) -> OperationResult {
        var result = OperationResult(operation: operation.id, status: status, httpStatus: httpStatus)
        result.entity = operation.entity
        result.clientID = operation.clientID
        result.error = (code, message)
        return result
    }

    func done(_ operation: UploadOperation, _ id: Key, _ version: Int64?) -> OperationResult {
        var result = OperationResult(operation: operation.id, status: .applied, httpStatus: 200)
        result.entity = operation.entity
        result.id = id
        result.version = version
        result.clientID = operation.clientID
        return result
    }

    func invalid(_ operation: UploadOperation, _ failures: [WriteFailure]) -> OperationResult {
        let message = failures.first?.message ?? "This cannot be applied."
        var result = result(operation, .invalid, 422, "validation_failed", message)
        result.failures = failures
        return result
    }

    func conflict(
        _ operation: UploadOperation, _ entity: EntityDefinition, _ id: Key, _ state: RecordState,
        _ code: String, _ message: String
    ) throws -> OperationResult {
        var result = result(operation, .conflict, 409, code, message)
        result.id = id
        result.version = state.version
        if !state.isDead {
            result.record = try RecordEncoder.make(entity, db)?.record(
                id, of: business, version: state.version)
        }
        return result
    }

    /// What the database would not take.
    func refused(
        _ operation: UploadOperation, _ entity: EntityDefinition, by error: DatabaseError
    ) -> OperationResult {
        func failures(_ text: (WritableField) -> String) -> [WriteFailure] {
            entity.writable.filter { error.concerns($0.column, of: entity.table) }.map { ($0.name, text($0)) }
        }
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY:
            let taken = failures { "The \($0.title) has already been taken." }
            if !taken.isEmpty { return invalid(operation, taken) }
            return result(operation, .invalid, 422, "taken", "A value has already been taken.")
        case .SQLITE_CONSTRAINT_NOTNULL:
            let missing = failures { "The \($0.title) field is required." }
            if !missing.isEmpty { return invalid(operation, missing) }
        case .SQLITE_CONSTRAINT_FOREIGNKEY:
            return result(operation, .invalid, 422, "foreign_key", Self.danglingText)
        case .SQLITE_CONSTRAINT_TRIGGER:
            return result(operation, .invalid, 422, "refused", error.message ?? "The database refused this.")
        default: break
        }
        return result(
            operation, .invalid, 422, "constraint", "The database does not accept these values.")
    }
}

extension DatabaseError {
    /// Whether the message (`UNIQUE constraint failed: products.business_id, products.sku`) names the column.
    fileprivate func concerns(_ column: String, of table: String) -> Bool {
        guard let list = message?.split(separator: ": ", maxSplits: 1).last else { return false }
        return list.split(separator: ", ").contains { $0 == "\(table).\(column)" }
    }
}

extension WritableField {
    /// A value as the column keeps it: decimals as text, moments as the wire writes them.
    func stored(_ value: UploadValue) -> DatabaseValue {
        switch value {
        case .null, .reference: .null
        case .integer(let number):
            rules.contains(.decimal) ? String(number).databaseValue : number.databaseValue
        case .decimal(let number): number.databaseValue
        case .boolean(let flag): (flag ? 1 : 0).databaseValue
        case .text(let text):
            rules.contains(.date)
                ? (Timestamp(rfc3339: text)?.description ?? text).databaseValue : text.databaseValue
        case .json(let bytes): String(decoding: bytes, as: UTF8.self).databaseValue
        }
    }
}

extension Key {
    var databaseValue: DatabaseValue {
        switch self {
        case .integer(let id): id.databaseValue
        case .text(let id): id.databaseValue
        }
    }

    /// Nil for what is no key.
    init?(_ value: DatabaseValue) {
        switch value.storage {
        case .int64(let id): self = .integer(id)
        case .string(let id): self = .text(id)
        case .null, .double, .blob: return nil
        }
    }
}
