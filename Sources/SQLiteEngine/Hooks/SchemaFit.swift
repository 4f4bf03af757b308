// The catalogue against the database as it is now. A hook that names a column which a migration took away
// would fail every writer, so hooks are made only of what is there, and what is not is said.

import Domain
import GRDB

/// What of a catalogue can be hooked in a database. A value.
struct SchemaFit {
    /// In the catalogue's order, each without the columns and children that are not there.
    private(set) var entities: [EntityDefinition] = []
    /// Tables that are not there, of entities that are not optional.
    private(set) var missingTables: [String] = []
    /// `table.column`
    private(set) var missingColumns: [String] = []
    /// Tables whose shape hooks cannot cover, with why.
    private(set) var notCovered: [String] = []

    init(_ catalogue: EntityCatalogue, _ db: Database) throws {
        for entity in catalogue.entities {
            guard let table = try TableSchema.read(entity.table, db) else {
                if !entity.isOptional { missingTables.append(entity.table) }
                continue
            }
            if let fitted = try fit(entity, to: table, db) { entities.append(fitted) }
        }
    }

    private mutating func fit(
        _ entity: EntityDefinition, to table: TableSchema, _ db: Database
    ) throws -> EntityDefinition? {
        var needed = [entity.keyColumn]
        if case .column(let business) = entity.business { needed.append(business) }
        let gone = needed.filter { !table.has($0) }
        guard gone.isEmpty else {
            missingColumns += gone.map { "\(entity.table).\($0)" }
            return nil
        }
        if let why = Self.whyNotCovered(table, key: entity.keyColumn) {
            notCovered.append("\(entity.table): \(why)")
            return nil
        }
        var fitted = entity
        fitted.versionColumn = keep(entity.versionColumn, of: table)
        fitted.createdAtColumn = keep(entity.createdAtColumn, of: table)
        fitted.updatedAtColumn = keep(entity.updatedAtColumn, of: table)
        fitted.deletedAtColumn = keep(entity.deletedAtColumn, of: table)
        fitted.fields = entity.fields.filter { keep($0.column, of: table) != nil }
        fitted.replaceKeys = table.indexes(behind: entity.replaceKeys)
        fitted.embeds = try entity.embeds.compactMap { try fit($0) { try TableSchema.read($0, db) } }
        return fitted
    }

    private mutating func fit(
        _ child: EmbeddedChild, read: (String) throws -> TableSchema?
    ) throws -> EmbeddedChild? {
        guard let table = try read(child.table) else {
            missingTables.append(child.table)
            return nil
        }
        guard keep(child.parentColumn, of: table) != nil else { return nil }
        var fitted = child
        fitted.orderColumn = keep(child.orderColumn, of: table)
        fitted.deletedAtColumn = keep(child.deletedAtColumn, of: table)
        fitted.fields = child.fields.filter { keep($0.column, of: table) != nil }
        fitted.replaceKeys = table.indexes(behind: child.replaceKeys)
        return fitted
    }

    private mutating func keep(_ column: String?, of table: TableSchema) -> String? {
        guard let column else { return nil }
        if table.has(column) { return column }
        missingColumns.append("\(table.name).\(column)")
        return nil
    }

    /// Nil: hooks can follow this table.
    static func whyNotCovered(_ table: TableSchema, key: String) -> String? {
        if table.isWithoutRowID { return "it is WITHOUT ROWID" }
        if table.column(key)?.isGenerated ?? false { return "its key \(key) is generated" }
        if !table.isKey(key) {
            return table.primaryKey.count > 1
                ? "its key is composite (\(table.primaryKey.map(\.name).joined(separator: ", ")))"
                : "\(key) is neither its primary key nor unique"
        }
        let isFolded = table.uniqueKeys.contains { unique in
            unique.columns.count == 1 && unique.columns[0]?.lowercased() == key.lowercased()
                && unique.collations.contains { $0.uppercased() != "BINARY" }
        }
        return isFolded ? "its key \(key) is compared without case (COLLATE NOCASE)" : nil
    }
}
