// What a table in the database is: asked anew each time, since applications migrate whenever they like.

import Domain
import GRDB

/// One table as its database describes it. A value.
struct TableSchema {
    struct Column: Hashable {
        let name: String
        /// As declared, in upper case: `VARCHAR(20)`.
        let type: String
        let isNotNull: Bool
        /// Place in the primary key; 0: not in it.
        let keyPlace: Int
        let isGenerated: Bool
    }

    /// A UNIQUE index or constraint. A column without a name is an expression.
    struct UniqueKey: Hashable {
        let columns: [String?]
        let isPartial: Bool
        let collations: [String]
        let isPrimary: Bool
    }

    let name: String
    let sql: String
    let columns: [Column]
    let uniqueKeys: [UniqueKey]

    /// Nil: there is no table of that name.
    static func read(_ name: String, _ db: Database) throws -> TableSchema? {
        let found = try Row.fetchOne(
            db,
            sql: "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)",
            arguments: [name])
        guard let found else { return nil }
        // hidden: 1 of a virtual table, 2 and 3 generated.
        let columns = try Row.fetchAll(
            db, sql: "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?)",
            arguments: [name]
        ).map { row in
            Column(
                name: row["name"], type: (row["type"] as String).uppercased(), isNotNull: row["notnull"],
                keyPlace: row["pk"], isGenerated: (row["hidden"] as Int) > 1)
        }
        return TableSchema(
            name: found["name"], sql: found["sql"] ?? "", columns: columns,
            uniqueKeys: try uniqueKeys(of: name, db))
    }

    private static func uniqueKeys(of table: String, _ db: Database) throws -> [UniqueKey] {
        try Row.fetchAll(
            db, sql: "SELECT name, partial, origin FROM pragma_index_list(?) WHERE \"unique\"",
            arguments: [table]
        ).map { index in
            let parts = try Row.fetchAll(
                db, sql: "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno",
                arguments: [index["name"] as String])
            return UniqueKey(
                columns: parts.map { $0["name"] }, isPartial: index["partial"],
                collations: parts.map { $0["coll"] ?? "BINARY" },
                isPrimary: (index["origin"] as String) == "pk")
        }
    }

    var primaryKey: [Column] { columns.filter { $0.keyPlace > 0 }.sorted { $0.keyPlace < $1.keyPlace } }

    /// The key of such a table is no alias of `rowid`.
    var isWithoutRowID: Bool {
        let tail = sql.split(separator: ")").last?.uppercased() ?? ""
        return tail.contains("WITHOUT") && tail.contains("ROWID")
    }

    /// Whether a column is the rowid by another name, and so an integer in every row.
    func isRowID(_ column: String) -> Bool {
        primaryKey.count == 1 && primaryKey[0].name.lowercased() == column.lowercased()
            && primaryKey[0].type == "INTEGER" && !isWithoutRowID
    }

    func column(_ name: String) -> Column? {
        columns.first { $0.name.lowercased() == name.lowercased() }
    }

    func has(_ column: String) -> Bool { self.column(column) != nil }

    /// Whether one value of this column names at most one row.
    func isKey(_ column: String) -> Bool {
        if primaryKey.count == 1, primaryKey[0].name.lowercased() == column.lowercased() { return true }
        return uniqueKeys.contains {
            !$0.isPartial && $0.columns.count == 1 && $0.columns[0]?.lowercased() == column.lowercased()
        }
    }

    /// These keys as the table's indexes hold them, which need not compare as the columns do; without those
    /// whose columns are not there.
    func indexes(behind keys: [ReplaceKey]) -> [ReplaceKey] {
        keys.filter { $0.columns.allSatisfy(has) }.flatMap { key in
            let names = Set(key.columns.map { $0.lowercased() })
            let indexes = uniqueKeys.filter { Set($0.columns.map { $0?.lowercased() }) == names }
            return indexes.isEmpty
                ? [key]
                : indexes.map { ReplaceKey($0.columns.compactMap(\.self), collations: $0.collations) }
        }
    }

    /// A result list; NULL for what is not there.
    func selection(_ columns: [String], as alias: String) -> String {
        columns.map { has($0) ? "\(alias).\(quoted($0))" : "NULL" }.joined(separator: ", ")
    }
}
