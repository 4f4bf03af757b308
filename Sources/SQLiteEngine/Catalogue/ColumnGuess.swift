// What a column is, by its name, its declared type and a sample of its values.

import Domain
import GRDB

/// Guesses about columns. A value: the names that people give to the same things.
struct ColumnGuess {
    let table: TableSchema
    private let db: Database

    private static let sampleRows = 200

    init(_ table: TableSchema, _ db: Database) {
        self.table = table
        self.db = db
    }

    static let businessNames = [
        "business_id", "tenant_id", "company_id", "shop_id", "store_id", "merchant_id", "organization_id",
        "organisation_id", "org_id", "account_id", "team_id",
    ]
    private static let versionNames = [
        "version", "row_version", "lock_version", "revision", "optimistic_lock",
    ]
    private static let createdNames = [
        "created_at", "created", "created_on", "create_time", "creation_date", "created_date", "date_created",
        "inserted_at",
    ]
    private static let updatedNames = [
        "updated_at", "updated", "updated_on", "update_time", "modified_at", "modified", "modified_on",
        "last_update", "last_modified", "updated_date", "date_modified", "modified_date",
    ]
    private static let deletedNames = [
        "deleted_at", "deleted_on", "deleted_date", "date_deleted", "removed_at",
    ]
    private static let secretParts = [
        "password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "apikey", "private_key",
        "salt", "hash", "otp", "two_factor", "recovery_code", "cvv", "cvc", "card_number", "pin_code", "ssn",
    ]

    /// The first column that bears one of the names, in any spelling.
    private func first(_ names: [String], where fits: (TableSchema.Column) -> Bool = { _ in true }) -> String?
    {
        for name in names {
            if let column = table.columns.first(where: { Self.snake($0.name) == name && fits($0) }) {
                return column.name
            }
        }
        return nil
    }

    func business(named name: String) -> String? { first([name]) }
    var version: String? { first(Self.versionNames) { $0.type.contains("INT") } }
    var createdAt: String? { first(Self.createdNames) }
    var updatedAt: String? { first(Self.updatedNames) }
    /// Soft deletion is a moment that is NULL while the row lives; a flag is none.
    var deletedAt: String? { first(Self.deletedNames) { !$0.isNotNull && !$0.type.contains("BOOL") } }
    /// A flag that looks like soft deletion, which hooks cannot follow as such.
    var deletedFlag: String? { first(["is_deleted", "deleted", "trashed", "is_trashed"]) }

    /// Whether it must not leave the server without somebody having said so.
    func isSecret(_ column: String) -> Bool {
        let name = Self.snake(column)
        return name == "pin" || name.hasSuffix("_pin") || Self.secretParts.contains { name.contains($0) }
    }

    /// Nil: a BLOB, which is not sent.
    func cast(of column: TableSchema.Column) throws -> FieldDefinition.Cast? {
        let (type, name) = (column.type, Self.snake(column.name))
        if type.contains("BLOB") || type.contains("BINARY") { return nil }
        if type.contains("BOOL") || type.replacing(" ", with: "") == "TINYINT(1)" { return .boolean }
        if type.contains("DECIMAL") || type.contains("NUMERIC") || type.contains("MONEY") {
            return .decimalString
        }
        if type.contains("DATETIME") || type.contains("TIMESTAMP") { return .timestamp }
        if type.contains("JSON") { return .json }
        let values = try sample(column.name)
        if values.contains(where: { $0.storageClass == .blob }) { return nil }
        if name.hasPrefix("is_") || name.hasPrefix("has_"), type.contains("INT"), Self.areFlags(values) {
            return .boolean
        }
        let isMoment = name.hasSuffix("_at") || name.hasSuffix("_time") || name.hasSuffix("timestamp")
        if isMoment, Self.areMoments(values) { return .timestamp }
        if Self.areJSON(values) { return .json }
        return .plain
    }

    /// Whether moments of this table are written without a zone.
    func hasLocalTimes(_ columns: [String]) throws -> Bool {
        try columns.contains { column in
            try sample(column).contains { value in
                guard case .string(let text) = value.storage else { return false }
                return StoredTime.parse(Array(text.utf8).span).map { !$0.hasZone } ?? false
            }
        }
    }

    /// The types of the key's values: a column declared UUID or NUMERIC may hold texts.
    func keyKind(_ key: String) throws -> KeyKind? {
        let kinds = Set(try sample(key).map(\.storageClass))
        if kinds.contains(.blob) || kinds.contains(.real) { return nil }
        if kinds.contains(.text) { return .text }
        if kinds.contains(.integer) { return .integer }
        return table.column(key)?.type.contains("INT") ?? false ? .integer : .text
    }

    private func sample(_ column: String) throws -> [DatabaseValue] {
        try DatabaseValue.fetchAll(
            db,
            sql: """
                SELECT \(quoted(column)) FROM (SELECT \(quoted(column)) FROM \(quoted(table.name)) LIMIT ?)
                WHERE \(quoted(column)) IS NOT NULL
                """, arguments: [Self.sampleRows])
    }

    private static func areFlags(_ values: [DatabaseValue]) -> Bool {
        values.allSatisfy { $0 == 0.databaseValue || $0 == 1.databaseValue }
    }

    private static func areMoments(_ values: [DatabaseValue]) -> Bool {
        values.allSatisfy { value in
            switch value.storage {
            case .string(let text): StoredTime.parse(Array(text.utf8).span) != nil
            case .int64(let number): number > 100_000_000
            default: false
            }
        }
    }

    private static func areJSON(_ values: [DatabaseValue]) -> Bool {
        !values.isEmpty
            && values.allSatisfy { value in
                guard case .string(let text) = value.storage, let first = text.utf8.first,
                    first == 0x7B || first == 0x5B
                else { return false }
                return JSONText.compact(Array(text.utf8)) != nil
            }
    }

    /// `UnitPrice`, `unitPrice` and `unit_price` are one name.
    static func snake(_ name: String) -> String {
        var snake = ""
        var wasLower = false
        for character in name {
            if character.isUppercase, wasLower { snake.append("_") }
            wasLower = character.isLowercase || character.isNumber
            snake.append(character.isLetter || character.isNumber ? Character(character.lowercased()) : "_")
        }
        return snake
    }
}

extension DatabaseValue {
    fileprivate enum StorageClass { case null, integer, real, text, blob }

    fileprivate var storageClass: StorageClass {
        switch storage {
        case .null: .null
        case .int64: .integer
        case .double: .real
        case .string: .text
        case .blob: .blob
        }
    }
}
