// One table's entry in a guessed catalogue, with the comments that a person needs to judge it.

import Domain
import GRDB

/// The lines of one entity. A value.
struct EntityGuess {
    private(set) var lines: [String] = []

    enum Outcome {
        case entity(EntityGuess)
        /// Why it is not listed.
        case left(String)
    }

    /// Names that every record has of its own.
    private static let ownNames: Set<String> = ["id", "version", "created_at", "updated_at", "deleted_at"]

    static func make(
        _ table: TableSchema, number: Int, businessName: String?, business: Key, _ db: Database
    ) throws -> Outcome {
        let key = try key(of: table)
        if let why = SchemaFit.whyNotCovered(table, key: key) {
            let parents = try parents(of: table, db)
            let hint = parents.isEmpty ? "" : "; it could be embedded in \(parents.joined(separator: " or "))"
            return .left(why + hint)
        }
        let guess = ColumnGuess(table, db)
        guard let kind = try guess.keyKind(key) else { return .left("its key \(key) holds no keys") }
        var source = "fixed_business: \(yaml("\(business)"))"
        if let businessName {
            guard let column = guess.business(named: businessName) else {
                return .left(
                    "it has no \(businessName); add the column, embed it, or list it with `fixed_business`")
            }
            source = "business: \(yaml(column))"
        }
        var entity = EntityGuess()
        try entity.write(table, number: number, key: key, kind: kind, business: source, guess, db)
        return .entity(entity)
    }

    private static func key(of table: TableSchema) throws -> String {
        if table.primaryKey.count == 1 { return table.primaryKey[0].name }
        let unique = table.uniqueKeys.first { key in
            !key.isPartial && key.columns.count == 1
                && key.columns[0].flatMap(table.column)?.isNotNull ?? false
        }
        return unique?.columns[0] ?? table.primaryKey.first?.name ?? "rowid"
    }

    private mutating func write(
        _ table: TableSchema, number: Int, key: String, kind: KeyKind, business: String, _ guess: ColumnGuess,
        _ db: Database
    ) throws {
        let stamps = [guess.createdAt, guess.updatedAt]
        lines = ["  \(Self.name(table.name)):", "    number: \(number)"]
        lines.append("    table: \(Self.yaml(table.name))")
        lines.append("    key: \(Self.yaml(key))")
        if kind == .text { lines.append("    key_type: text") }
        lines.append("    \(business)")
        lines.append("    version: \(guess.version.map(Self.yaml) ?? "none")")
        lines.append("    created_at: \(stamps[0].map(Self.yaml) ?? "none")")
        lines.append("    updated_at: \(stamps[1].map(Self.yaml) ?? "none")")
        lines.append("    deleted_at: \(guess.deletedAt.map(Self.yaml) ?? "none")")
        if guess.deletedAt == nil, let flag = guess.deletedFlag {
            lines.append(
                "    # \(flag) is a flag, not soft deletion: it is sent, and tills have to look at it.")
        }
        lines.append("    default: true")
        try writeFields(table, taken: [key, guess.version, guess.deletedAt] + stamps, business, guess)
        writeReplaceKeys(table, key: key)
        try writeEmbeds(of: table, key: key, db)
    }

    private mutating func writeFields(
        _ table: TableSchema, taken: [String?], _ business: String, _ guess: ColumnGuess
    ) throws {
        var fields: [String] = []
        var (hidden, blobs, generated, moments): ([String], [String], [String], [String]) = ([], [], [], [])
        moments = taken.suffix(2).compactMap(\.self)
        for column in table.columns where !taken.contains(column.name) {
            if business == "business: \(Self.yaml(column.name))" { continue }
            if column.isGenerated {
                generated.append(column.name)
            } else if guess.isSecret(column.name) {
                hidden.append(column.name)
            } else if let cast = try guess.cast(of: column) {
                if cast == .timestamp { moments.append(column.name) }
                fields.append(Self.field(column.name, cast))
            } else {
                blobs.append(column.name)
            }
        }
        if try guess.hasLocalTimes(moments) {
            lines.append("    # time_zone: Europe/Berlin   # its times have no zone; left out, they are UTC")
        }
        if !hidden.isEmpty { lines.append("    # hidden: \(hidden.joined(separator: ", "))") }
        if !blobs.isEmpty {
            lines.append("    # BLOBs, sent only as `name: base64`: \(blobs.joined(separator: ", "))")
        }
        if !generated.isEmpty {
            lines.append("    # generated, which hooks cannot follow: \(generated.joined(separator: ", "))")
        }
        lines += Self.wrapped("    fields: [", fields, "]")
    }

    private mutating func writeReplaceKeys(_ table: TableSchema, key: String) {
        var keys: [String] = []
        for unique in table.uniqueKeys {
            let columns = unique.columns.compactMap(\.self)
            guard columns.count == unique.columns.count else {
                lines.append(
                    "    # a UNIQUE index over an expression: what REPLACE deletes by it, the audit finds")
                continue
            }
            if columns.count == 1, columns[0].lowercased() == key.lowercased() { continue }
            keys.append("[\(columns.map(Self.yaml).joined(separator: ", "))]")
        }
        if !keys.isEmpty { lines += Self.wrapped("    replace: [", keys, "]") }
    }

    /// Tables without a key of their own that hang on this one: a suggestion only.
    private mutating func writeEmbeds(of table: TableSchema, key: String, _ db: Database) throws {
        for child in try Self.children(of: table.name, db) {
            guard let schema = try TableSchema.read(child.table, db), schema.primaryKey.count > 1,
                schema.primaryKey[0].name == child.column
            else { continue }
            let fields = schema.columns.filter { $0.name != child.column && !$0.isGenerated }
            let place = schema.primaryKey.map { Self.yaml($0.name) }.joined(separator: ", ")
            lines += [
                "    # Owned rows, to be sent inside the record: take the # away.",
                "    # embed:",
                "    #   \(Self.name(schema.name)):",
                "    #     table: \(Self.yaml(schema.name))",
                "    #     parent: \(Self.yaml(child.column))",
                "    #     order: \(Self.yaml(schema.primaryKey[1].name))",
                "    #     fields: [\(fields.map { Self.yaml($0.name) }.joined(separator: ", "))]",
                "    #     replace: [[\(place)]]",
            ]
        }
    }

    // MARK: Foreign keys

    private static func children(
        of parent: String, _ db: Database
    ) throws -> [(table: String, column: String)] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT m.name, f."from" FROM sqlite_master m, pragma_foreign_key_list(m.name) f
                WHERE m.type = 'table' AND lower(f."table") = lower(?) ORDER BY m.rowid, f.id
                """, arguments: [parent])
        return rows.map { ($0[0], $0[1]) }
    }

    private static func parents(of table: TableSchema, _ db: Database) throws -> [String] {
        try String.fetchAll(
            db, sql: "SELECT \"table\" FROM pragma_foreign_key_list(?) ORDER BY id DESC",
            arguments: [table.name])
    }

    // MARK: Writing

    private static func field(_ column: String, _ cast: FieldDefinition.Cast) -> String {
        if ownNames.contains(column) {
            let kind = cast == .plain ? "" : ", cast: \(cast.rawValue)"
            return "\(yaml("own_" + column)): {column: \(yaml(column))\(kind)}"
        }
        return cast == .plain ? yaml(column) : "\(yaml(column)): \(cast.rawValue)"
    }

    /// Lower case letters, digits and `_`.
    static func name(_ table: String) -> String {
        let snake = ColumnGuess.snake(table).filter { $0.isASCII }
        return EntityName(snake) != nil ? snake : "t_" + snake
    }

    /// As a YAML scalar; quoted where it must be.
    static func yaml(_ text: String) -> String {
        let isPlain = text.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil
        let words: Set = ["y", "n", "yes", "no", "true", "false", "null", "on", "off", "none"]
        let isNumber = Int64(text).map(String.init) == text
        if isNumber || (isPlain && !words.contains(text.lowercased())) { return text }
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"\(escaped)\""
    }

    private static func wrapped(_ head: String, _ items: [String], _ tail: String) -> [String] {
        var lines: [String] = []
        var line = head
        for (index, item) in items.enumerated() {
            let piece = item + (index == items.count - 1 ? tail : ",")
            if line.count + piece.count > 108, line != head {
                lines.append(line)
                line = String(repeating: " ", count: head.count)
            } else if index > 0 {
                line += " "
            }
            line += piece
        }
        if items.isEmpty { line += tail }
        return lines + [line]
    }
}
