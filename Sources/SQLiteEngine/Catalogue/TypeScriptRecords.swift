// The catalogue's records as TypeScript: what a till's code may rely on.

public import Domain
import GRDB

/// How columns are declared, where a database is at hand.
public struct DeclaredTypes {
    private var tables: [String: TableSchema] = [:]

    /// - Parameter file: Need not exist: then every plain column may hold anything.
    public init(file: DatabaseFile, catalogue: EntityCatalogue) throws {
        guard file.identity != nil else { return }
        try file.open(.reader).read { db in
            for entity in catalogue.entities {
                for table in [entity.table] + entity.embeds.map(\.table) {
                    tables[table] = try TableSchema.read(table, db)
                }
            }
        }
    }

    /// The type of a value that is sent as it is stored, by SQLite's rules of affinity. Integers beyond 2⁵³
    /// come as strings, which this does not say.
    fileprivate func plain(_ table: String, _ column: String) -> String {
        guard let type = tables[table]?.column(column)?.type else { return "string | number" }
        if type.contains("INT") { return "number" }
        if ["CHAR", "CLOB", "TEXT"].contains(where: type.contains) { return "string" }
        if ["REAL", "FLOA", "DOUB"].contains(where: type.contains) { return "number" }
        return type == "DATE" || type == "TIME" ? "string" : "string | number"
    }

    fileprivate func mayBeNull(_ table: String, _ column: String) -> Bool {
        guard let found = tables[table]?.column(column) else { return true }
        return !found.isNotNull
    }
}

/// The text of a declaration file. A value.
public struct TypeScriptRecords {
    public let text: String

    public init(catalogue: EntityCatalogue, declared: DeclaredTypes) {
        var lines = [
            "// The records of this catalogue (generation \(catalogue.generation)), written by",
            "// `tidings catalogue types --typescript`. Integers beyond 2^53 arrive as strings.", "",
        ]
        for entity in catalogue.entities {
            lines.append("export interface \(Self.typeName(entity.name.text)) {")
            lines += Self.members(of: entity, declared)
            lines += ["}", ""]
        }
        lines.append("/** Every entity by its name in answers and events. */")
        lines.append("export interface Entities {")
        for entity in catalogue.entities {
            lines.append("  \(entity.name.text): \(Self.typeName(entity.name.text));")
        }
        lines += ["}", "", "export type EntityName = keyof Entities;"]
        text = lines.map { $0 + "\n" }.joined()
    }

    private static func members(of entity: EntityDefinition, _ declared: DeclaredTypes) -> [String] {
        var lines = [
            "  id: \(entity.keyKind == .integer ? "number" : "string");", "  version: number;",
        ]
        for (name, column) in [
            ("created_at", entity.createdAtColumn), ("updated_at", entity.updatedAtColumn),
        ] {
            guard let column else { continue }
            lines.append("  \(name): string\(declared.mayBeNull(entity.table, column) ? " | null" : "");")
        }
        lines += entity.fields.map { "  " + member($0, of: entity.table, declared) }
        for child in entity.embeds {
            lines.append("  \(property(child.name)): {")
            lines += child.fields.map { "    " + member($0, of: child.table, declared) }
            lines.append("  }[];")
        }
        return lines
    }

    private static func member(
        _ field: FieldDefinition, of table: String, _ declared: DeclaredTypes
    ) -> String {
        let type =
            switch field.cast {
            case .plain: declared.plain(table, field.column)
            case .decimalString, .timestamp, .base64: "string"
            case .number: "number"
            case .boolean: "boolean"
            case .json: "unknown"
            }
        let isNullable = field.cast != .json && declared.mayBeNull(table, field.column)
        return "\(property(field.name)): \(type)\(isNullable ? " | null" : "");"
    }

    /// `sale_items` is `SaleItemsRecord`.
    private static func typeName(_ name: String) -> String {
        name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Record"
    }

    private static func property(_ name: String) -> String {
        let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        let begins = name.first.map { !$0.isNumber } ?? false
        return isPlain && begins ? name : "\"\(name.replacing("\"", with: "\\\""))\""
    }
}
