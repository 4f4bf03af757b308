// A row becomes a record here, once, straight from SQLite's column memory into JSON: `id`, `version`,
// `created_at`, `updated_at`, then the catalogue's fields in order. The version is the state index's,
// whatever the column says. Live records carry no `deleted_at`.

import Domain
import GRDB

/// Encodes the records of one entity. Lives on its connection's lane.
final class RecordEncoder {
    private let entity: EntityDefinition
    private let lookup: RawStatement
    /// Names with quotes and colon, so that a row copies them.
    private let fieldNames: [[UInt8]]
    private let hasCreatedAt: Bool
    private let hasUpdatedAt: Bool
    private var writer = JSONWriter(reserving: 1_024)
    /// Ill-formed texts that were repaired.
    var replacements: Int { writer.replacements }

    /// The columns after the key, in the order they are encoded.
    static func columns(of entity: EntityDefinition) -> [String] {
        [entity.createdAtColumn, entity.updatedAtColumn].compactMap(\.self) + entity.fields.map(\.column)
    }

    init(_ entity: EntityDefinition, _ db: Database) throws {
        self.entity = entity
        hasCreatedAt = entity.createdAtColumn != nil
        hasUpdatedAt = entity.updatedAtColumn != nil
        fieldNames = entity.fields.map { field in
            var json = JSONWriter()
            json.byte(0x2C)
            json.name(field.name)
            return json.bytes
        }
        let columns = ([entity.keyColumn] + Self.columns(of: entity)).map(quoted).joined(separator: ", ")
        lookup = try RawStatement(
            db, "SELECT \(columns) FROM \(quoted(entity.table)) WHERE \(quoted(entity.keyColumn)) = ?1")
    }

    /// The record of that id, JSON; nil when its row is not there.
    func record(_ id: Key, version: Int64) throws -> [UInt8]? {
        lookup.bind(1, id)
        return try lookup.first { row in
            writer.removeAll()
            encode(row, from: 0, version: version, to: &writer)
            return writer.bytes
        }
    }

    /// Appends one record out of a row whose columns from `first` on are the key and `columns(of:)`.
    func encode(_ row: RawStatement, from first: Int32, version: Int64, to json: inout JSONWriter) {
        json.raw("{\"id\":")
        encodePlain(row, first, to: &json)
        json.raw(",\"version\":")
        json.safeInteger(version)
        var column = first + 1
        if hasCreatedAt {
            json.raw(",\"created_at\":")
            encodeTimestamp(row, column, to: &json)
            column += 1
        }
        if hasUpdatedAt {
            json.raw(",\"updated_at\":")
            encodeTimestamp(row, column, to: &json)
            column += 1
        }
        for (index, field) in entity.fields.enumerated() {
            encode(field, name: fieldNames[index], row, column, to: &json)
            column += 1
        }
        json.byte(0x7D)
    }

    private func encode(
        _ field: FieldDefinition, name: [UInt8], _ row: RawStatement, _ column: Int32,
        to json: inout JSONWriter
    ) {
        let storage = row.storage(column)
        // BLOBs are omitted unless asked for.
        if storage == .blob && field.cast != .base64 { return }
        json.raw(name)
        guard storage != .null else { return json.raw("null") }
        switch field.cast {
        case .plain: encodePlain(row, column, to: &json)
        case .decimalString: row.withBytes(column) { json.string($0) }
        case .number: encodeNumber(row, column, to: &json)
        case .boolean: json.boolean(row.integer(column) != 0)
        case .timestamp: encodeTimestamp(row, column, to: &json)
        case .json: encodeJSON(row, column, to: &json)
        case .base64: row.withBytes(column) { json.base64($0) }
        }
    }

    private func encodePlain(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        switch row.storage(column) {
        case .integer: json.safeInteger(row.integer(column))
        case .real: json.real(row.real(column))
        case .text: row.withBytes(column) { json.string($0) }
        case .blob, .null: json.raw("null")
        }
    }

    private func encodeNumber(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        guard row.storage(column) == .text else { return encodePlain(row, column, to: &json) }
        let text = row.text(column)
        // A decimal keeps its digits; what is no number stays a string.
        if JSONText.isNumber(Array(text.utf8)) { json.raw(Array(text.utf8)) } else { json.string(text) }
    }

    private func encodeJSON(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        let bytes = Array(row.text(column).utf8)
        if let compact = JSONText.compact(bytes) { json.raw(compact) } else { json.string(row.text(column)) }
    }

    private func encodeTimestamp(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        switch row.storage(column) {
        case .text:
            row.withBytes(column) { bytes in
                if StoredTime.isWireForm(bytes) {
                    json.string(bytes)
                } else if let time = StoredTime.parse(bytes) {
                    json.raw("\"")
                    json.raw(time.utf8)
                    json.raw("\"")
                } else {
                    json.string(bytes)
                }
            }
        case .integer:
            json.raw("\"")
            json.raw(Timestamp(microseconds: row.integer(column) &* 1_000_000).utf8)
            json.raw("\"")
        default: json.raw("null")
        }
    }
}
