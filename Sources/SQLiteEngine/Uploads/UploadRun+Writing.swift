// The effect of one operation: insert, update or delete a row, under optimistic concurrency.

import Domain
import GRDB
import Journal

/// Values as they are stored.
typealias StoredValues = [(field: WritableField, value: DatabaseValue)]

extension UploadRun {
    func write(
        _ operation: UploadOperation, _ entity: EntityDefinition, _ values: StoredValues
    ) throws -> OperationResult {
        if operation.action == .create { return try create(operation, entity, values) }
        guard let id = try record(of: operation, entity), let state = try state(entity, id) else {
            if case .reference = operation.record {
                return invalid(operation, [("id", Self.unknownReferenceText)])
            }
            return result(operation, .rejected, 404, "not_found", "There is no such record.")
        }
        if state.isDead {
            // What was to be deleted is.
            guard operation.action == .update else { return done(operation, id, state.version) }
            return try conflict(operation, entity, id, state, "deleted", "The record was deleted meanwhile.")
        }
        switch try judge(operation, entity, id, state, values) {
        case .refuse(let result): return result
        case .write where operation.action == .update: try update(entity, id, values)
        case .write: try delete(entity, id)
        }
        return done(operation, id, try self.state(entity, id)?.version)
    }

    // MARK: Concurrency

    private enum Judgement {
        case write
        case refuse(OperationResult)
    }

    private func judge(
        _ operation: UploadOperation, _ entity: EntityDefinition, _ id: Key, _ state: RecordState,
        _ values: StoredValues
    ) throws -> Judgement {
        if entity.conflictPolicy == .lastWriteWins { return .write }
        let merges = entity.conflictPolicy == .merge && operation.action == .update
        switch operation.baseVersion {
        case .number(state.version): return .write
        case .number: break
        case .reference(let other):
            guard let version = try outcome(of: other, entity)?.version else {
                return .refuse(invalid(operation, [("base_version", Self.unknownReferenceText)]))
            }
            if version == state.version { return .write }
        case nil:
            if case .reference = operation.record {
                // A record of its own, whose version it was never told: nobody else may have touched it.
                if try lastWriter(state) == device { return .write }
            } else if !merges || operation.base.isEmpty {
                return .refuse(
                    invalid(operation, [("base_version", "The base version field is required.")]))
            }
        }
        if merges, try isMergeable(operation, entity, id, values) { return .write }
        return .refuse(
            try conflict(operation, entity, id, state, "conflict", "The record has changed since."))
    }

    /// A field conflicts when it is neither what the till started from nor what the till wants.
    private func isMergeable(
        _ operation: UploadOperation, _ entity: EntityDefinition, _ id: Key, _ values: StoredValues
    ) throws -> Bool {
        var tests: [String] = []
        var bound: [DatabaseValue] = []
        for (field, new) in values {
            guard let base = operation.base[field.name] else { return false }
            let column = quoted(field.column)
            tests.append("(\(column) IS ? OR \(column) IS ?)")
            bound += [field.stored(base), new]
        }
        guard !tests.isEmpty else { return true }
        let sql = """
            SELECT \(tests.joined(separator: " AND ")) FROM \(quoted(entity.table))
            WHERE \(quoted(entity.keyColumn)) = ?
            """
        return try row(sql, bound + [id.databaseValue])?[0] ?? false
    }

    // MARK: Rows

    private func create(
        _ operation: UploadOperation, _ entity: EntityDefinition, _ values: StoredValues
    ) throws -> OperationResult {
        var columns = values.map(\.field.column)
        var bound = values.map(\.value)
        func add(_ column: String?, _ value: DatabaseValue) {
            guard let column, !columns.contains(column) else { return }
            columns.append(column)
            bound.append(value)
        }
        if case .column(let column) = entity.business { add(column, business.key.databaseValue) }
        add(entity.createdAtColumn, now.description.databaseValue)
        add(entity.updatedAtColumn, now.description.databaseValue)
        var id: Key?
        if entity.keyKind == .text {
            let made = UUIDv7.make(at: now)
            id = .text(made)
            add(entity.keyColumn, made.databaseValue)
        }
        let names = columns.map(quoted).joined(separator: ", ")
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        try run("INSERT INTO \(quoted(entity.table))(\(names)) VALUES(\(marks))", bound)
        let key = id ?? .integer(db.lastInsertedRowID)
        var result = done(operation, key, try state(entity, key)?.version)
        result.httpStatus = 201
        return result
    }

    private func update(_ entity: EntityDefinition, _ id: Key, _ values: StoredValues) throws {
        var sets = values.map { "\(quoted($0.field.column)) = ?" }
        var bound = values.map(\.value)
        if let column = entity.updatedAtColumn {
            sets.append("\(quoted(column)) = ?")
            bound.append(now.description.databaseValue)
        }
        guard !sets.isEmpty else { return }
        try run(
            """
            UPDATE \(quoted(entity.table)) SET \(sets.joined(separator: ", "))
            WHERE \(quoted(entity.keyColumn)) = ?
            """, bound + [id.databaseValue])
    }

    private func delete(_ entity: EntityDefinition, _ id: Key) throws {
        let (table, key) = (quoted(entity.table), quoted(entity.keyColumn))
        guard let column = entity.deletedAtColumn else {
            return try run("DELETE FROM \(table) WHERE \(key) = ?", [id.databaseValue])
        }
        var sets = [column]
        if let updated = entity.updatedAtColumn { sets.append(updated) }
        try run(
            """
            UPDATE \(table) SET \(sets.map { "\(quoted($0)) = ?" }.joined(separator: ", "))
            WHERE \(key) = ?
            """, sets.map { _ in now.description.databaseValue } + [id.databaseValue])
    }
}

/// Keys for tables whose ids are texts. RFC 9562 § 5.7: they sort by the time they were made.
enum UUIDv7 {
    static func make(at time: Timestamp) -> String {
        let milliseconds = UInt64(max(0, time.microseconds / 1_000))
        let high = milliseconds << 16 | 0x7000 | UInt64.random(in: 0...0xFFF)
        let low = UInt64.random(in: 0...UInt64.max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let digits = Array(hex(high) + hex(low))
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return parts.map { String(digits[$0]) }.joined(separator: "-")
    }
}
