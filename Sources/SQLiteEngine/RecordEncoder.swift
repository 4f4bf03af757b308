// A row becomes a record here, once, straight from SQLite's column memory into JSON: `id`, `version`,
// `created_at`, `updated_at`, then the catalogue's fields in order, then its children. The version is the
// state index's, whatever the column says. Live records carry no `deleted_at`.

import Domain
import GRDB

/// Encodes the records of one entity. Lives on its connection's lane; made anew when the schema changes.
final class RecordEncoder {
    /// What is selected of the table, called `t`: the key first. A column that a migration took away is
    /// NULL.
    let selection: String
    private let entity: EntityDefinition
    private let table: TableSchema
    private let lookup: RawStatement
    private let fields: FieldEncoder
    private let children: [ChildEncoder]
    private let hasCreatedAt: Bool
    private let hasUpdatedAt: Bool
    private var writer = JSONWriter(reserving: 1_024)

    /// Nil when the table, or its key, is not there.
    static func make(_ entity: EntityDefinition?, _ db: Database) throws -> RecordEncoder? {
        guard let entity, let table = try TableSchema.read(entity.table, db), table.has(entity.keyColumn)
        else { return nil }
        return try RecordEncoder(entity, table, db)
    }

    private init(_ entity: EntityDefinition, _ table: TableSchema, _ db: Database) throws {
        let localTime = LocalTime(entity.timeZone)
        fields = FieldEncoder(entity.fields, localTime: localTime)
        hasCreatedAt = entity.createdAtColumn != nil
        hasUpdatedAt = entity.updatedAtColumn != nil
        let columns =
            [entity.keyColumn] + [entity.createdAtColumn, entity.updatedAtColumn].compactMap(\.self)
            + entity.fields.map(\.column)
        selection = table.selection(columns, as: "t")
        self.entity = entity
        self.table = table
        lookup = try RawStatement(
            db,
            """
            SELECT \(selection) FROM \(quoted(entity.table)) t
            WHERE t.\(quoted(entity.keyColumn)) = ?1 AND \(entity.isOwn("t", of: "?2", in: table))
            """)
        children = try entity.embeds.compactMap { try ChildEncoder($0, localTime: localTime, db) }
    }

    /// SQL: the row, called `t`, is a living one of that business.
    func isOwn(of business: String) -> String { entity.isOwn("t", of: business, in: table) }

    /// The record of that id, JSON; nil when no living row of the business has it.
    func record(_ id: Key, of business: BusinessID, version: Int64) throws -> [UInt8]? {
        lookup.bind(1, id)
        lookup.bind(2, business.key)
        return try lookup.first { row in
            writer.removeAll()
            try encode(row, from: 0, version: version, to: &writer)
            return writer.bytes
        }
    }

    /// Appends one record out of a row whose columns from `first` on are the `selection`.
    func encode(_ row: RawStatement, from first: Int32, version: Int64, to json: inout JSONWriter) throws {
        json.raw("{\"id\":")
        fields.encodePlain(row, first, to: &json)
        json.raw(",\"version\":")
        json.safeInteger(version)
        var column = first + 1
        if hasCreatedAt {
            json.raw(",\"created_at\":")
            fields.encodeTimestamp(row, column, to: &json)
            column += 1
        }
        if hasUpdatedAt {
            json.raw(",\"updated_at\":")
            fields.encodeTimestamp(row, column, to: &json)
            column += 1
        }
        var isFirst = false
        fields.encode(row, from: column, isFirst: &isFirst, to: &json)
        if !children.isEmpty, let id = row.key(first) {
            for child in children { try child.encode(of: id, to: &json) }
        }
        json.byte(0x7D)
    }
}

/// Encodes the children of one kind. Lives on its connection's lane.
private final class ChildEncoder {
    private let name: [UInt8]
    private let fields: FieldEncoder
    private let rows: RawStatement

    /// Nil when the children's table is not there: the record is sent without them.
    init?(_ child: EmbeddedChild, localTime: LocalTime?, _ db: Database) throws {
        guard let table = try TableSchema.read(child.table, db), table.has(child.parentColumn) else {
            return nil
        }
        var json = JSONWriter()
        json.byte(0x2C)
        json.name(child.name)
        json.byte(0x5B)
        name = json.bytes
        fields = FieldEncoder(child.fields, localTime: localTime)
        let living = child.deletedAtColumn.map { " AND t.\(quoted($0)) IS NULL" } ?? ""
        let order =
            child.orderColumn.map(quoted) ?? (table.isWithoutRowID ? quoted(child.parentColumn) : "rowid")
        rows = try RawStatement(
            db,
            """
            SELECT \(table.selection(child.fields.map(\.column), as: "t")) FROM \(quoted(child.table)) t
            WHERE t.\(quoted(child.parentColumn)) = ?1\(living) ORDER BY t.\(order)
            """)
    }

    func encode(of parent: Key, to json: inout JSONWriter) throws {
        json.raw(name)
        rows.bind(1, parent)
        var isFirstRow = true
        try rows.forEach { row in
            if !isFirstRow { json.byte(0x2C) }
            isFirstRow = false
            json.byte(0x7B)
            var isFirst = true
            fields.encode(row, from: 0, isFirst: &isFirst, to: &json)
            json.byte(0x7D)
        }
        json.byte(0x5D)
    }
}
