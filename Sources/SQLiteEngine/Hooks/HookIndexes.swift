// The indexes that the application's tables need: `idx_{table}_sync`, `_deleted`, `_created` for its own
// queries by business, and one on the parent's column of embedded children, or every change of a parent would
// scan them. An index with the same leading columns counts, whatever its name.

import Domain
import GRDB

/// An index to be made. A value.
struct HookIndexes {
    let name: String
    let sql: String

    /// Those that are not there yet.
    static func wanted(for entity: EntityDefinition, _ db: Database) throws -> [HookIndexes] {
        var wanted: [HookIndexes] = []
        func want(_ name: String, _ table: String, _ columns: [String]) throws {
            guard try !isIndexed(table, by: columns, db) else { return }
            let list = columns.map(quoted).joined(separator: ", ")
            wanted.append(
                HookIndexes(name: name, sql: "CREATE INDEX \(quoted(name)) ON \(quoted(table))(\(list))"))
        }
        if case .column(let business) = entity.business {
            for (suffix, column) in [
                ("sync", entity.updatedAtColumn), ("deleted", entity.deletedAtColumn),
                ("created", entity.createdAtColumn),
            ] {
                guard let column else { continue }
                try want("idx_\(entity.table)_\(suffix)", entity.table, [business, column])
            }
        }
        for child in entity.embeds {
            try want("idx_\(child.table)_\(child.parentColumn)_sync", child.table, [child.parentColumn])
        }
        return wanted
    }

    /// Makes it, and notes that it is ours.
    func make(_ db: Database) throws {
        try db.execute(sql: sql)
        try db.execute(
            sql: "INSERT INTO tidings_index(name) VALUES (?) ON CONFLICT DO NOTHING", arguments: [name])
    }

    private static func isIndexed(_ table: String, by columns: [String], _ db: Database) throws -> Bool {
        let names = try String.fetchAll(
            db, sql: "SELECT name FROM pragma_index_list(?) WHERE NOT partial", arguments: [table])
        return try names.contains { name in
            let indexed = try Row.fetchAll(
                db, sql: "SELECT name FROM pragma_index_info(?) ORDER BY seqno", arguments: [name]
            ).map { ($0["name"] as String?)?.lowercased() }
            return indexed.starts(with: columns.map { $0.lowercased() })
        }
    }
}
