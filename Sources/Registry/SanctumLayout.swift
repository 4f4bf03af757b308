// Where an application keeps its tokens, in the layout of Laravel Sanctum: the table of tokens, the table of
// the people they belong to, and which business those are of.

public import Domain
import GRDB

/// Names in somebody else's database. A value.
public struct SanctumLayout: Hashable, Sendable {
    /// The SQLite file.
    public var path: String
    public var tokens = "personal_access_tokens"
    public var users = "users"
    /// A column of `users`.
    public var businessColumn = "business_id"
    /// Where there is only one business: that, whatever the column says.
    public var business: BusinessID?
    /// What `tokenable_type` says of people.
    public var tokenable = #"App\Models\User"#
    /// Sanctum's `expiration`: how long after its making a token is good, whatever `expires_at` says.
    public var lifetimeSeconds: Int64?
    /// Whether `last_used_at` is written to the application's own table.
    public var touches = false

    public init(path: String) { self.path = path }

    /// Selects tokens, of those columns that the tables have.
    ///
    /// - Parameter condition: On `t`, with the second argument.
    func select(_ condition: String, in db: Database) throws -> String {
        let tokenColumns = try columns(of: tokens, in: db)
        let userColumns = try columns(of: users, in: db)
        func column(_ name: String) -> String { tokenColumns.contains(name) ? "t.\(name)" : "NULL" }
        let owner = business == nil ? "u.\(businessColumn.quotedDatabaseIdentifier)" : "NULL"
        return """
            SELECT t.id, t.token, t.abilities, \(column("expires_at")) AS expires_at,
              \(column("created_at")) AS created_at, \(owner) AS business
            FROM \(tokens.quotedDatabaseIdentifier) t
            JOIN \(users.quotedDatabaseIdentifier) u ON u.id = t.tokenable_id
            WHERE t.tokenable_type = ?1 AND \(condition)
              \(userColumns.contains("deleted_at") ? "AND u.deleted_at IS NULL" : "")
            """
    }

    private func columns(of table: String, in db: Database) throws -> Set<String> {
        try String.fetchSet(db, sql: "SELECT name FROM pragma_table_info(?)", arguments: [table])
    }
}

extension TokenID {
    /// A token of the application's own: its ids and ours are counted apart, so theirs are told by the sign.
    static func application(_ id: Int64) -> TokenID { TokenID(-id) }

    /// The id in the application's table; nil for a token of ours.
    var applicationID: Int64? { rawValue < 0 ? -rawValue : nil }
}

extension TokenEntry {
    /// From a row of `select`. Nil when it does not say clearly whose it is.
    init?(_ row: Row, _ layout: SanctumLayout) {
        guard let id = Int64.fromDatabaseValue(row["id"]), id > 0,
            let hex = String.fromDatabaseValue(row["token"]), let hash = SecretHash(hex: hex),
            let business = layout.business ?? row.business
        else { return nil }
        var expiresAt = Self.time(row["expires_at"])
        if let lifetime = layout.lifetimeSeconds {
            let end = (Self.time(row["created_at"]) ?? Self.longAgo).adding(seconds: lifetime)
            expiresAt = min(expiresAt ?? end, end)
        }
        self.init(
            id: .application(id), hash: hash, business: business, device: nil,
            abilities: Abilities(json: String.fromDatabaseValue(row["abilities"]) ?? "[]").ofApplication,
            expiresAt: expiresAt, isRevoked: false)
    }

    private static let longAgo = Timestamp(microseconds: 0)

    /// A time as Laravel writes it, UTC, or seconds since 1970. What cannot be read is long ago: better a
    /// token too few than one for ever.
    private static func time(_ value: DatabaseValue) -> Timestamp? {
        switch value.storage {
        case .null: nil
        case .int64(let seconds):
            seconds > 0 && seconds < 1 << 40 ? Timestamp(microseconds: seconds * 1_000_000) : longAgo
        case .string(let text): Timestamp(rfc3339: text) ?? longAgo
        case .double, .blob: longAgo
        }
    }
}

extension Abilities {
    /// `*` is what Laravel gives a token unless told otherwise; it never means operating the gateway, where
    /// all businesses meet.
    var ofApplication: Abilities {
        Abilities(names.flatMap { $0 == "*" ? ["sync:read", "sync:write"] : $0 == "ops" ? [] : [$0] })
    }
}
