// People and their tokens.

public import Domain
import GRDB

extension Registry {
    /// Adds a person of a business.
    public func createUser(named name: String, business: BusinessID) throws -> UserID {
        try queue.write { db in
            try db.execute(
                sql: "INSERT INTO tidings_users(business, name, created_at) VALUES (?, ?, ?)",
                arguments: [business.databaseValue, name, now.microseconds])
            return UserID(db.lastInsertedRowID)
        }
    }

    /// People, by id.
    public func users() throws -> [UserRecord] {
        try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM tidings_users ORDER BY id").compactMap { row in
                guard let business = row.business, let createdAt = row.time("created_at") else { return nil }
                return UserRecord(
                    id: UserID(row["id"]), business: business, name: row["name"], createdAt: createdAt)
            }
        }
    }

    /// Makes a token of a person, or of the business itself. Its secret is in the answer and nowhere else.
    ///
    /// A till's token is made by registering the till.
    public func createToken(
        name: String, business: BusinessID, user: UserID?, abilities: Abilities, expiresAt: Timestamp?
    ) throws -> Secret {
        try write { db in
            let (id, token) = try insertToken(
                db, Owner(user, of: business), name: name, business: business, abilities: abilities,
                expiresAt: expiresAt)
            return (token, [id])
        }
    }

    /// Ends a token for good. Its streams are cut within a second, whichever process this is.
    ///
    /// - Throws: `RegistryError.unknownToken`. Revoking twice is no mistake.
    public func revokeToken(_ id: TokenID) throws {
        try write { db in
            try db.execute(
                sql: "UPDATE tidings_tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?",
                arguments: [now.microseconds, id.rawValue])
            guard db.changesCount > 0 else { throw RegistryError.unknownToken }
            return ((), [id])
        }
    }

    /// All tokens, newest first; those that died a month ago are gone.
    public func tokens() throws -> [TokenRecord] {
        try keepUses()
        return try queue.read { db in
            try Row.fetchAll(db, sql: TokenEntry.select + " ORDER BY t.id DESC").compactMap { row in
                guard let business = row.business else { return nil }
                return TokenRecord(
                    id: TokenID(row["id"]), business: business, device: row["device"], name: row["name"],
                    abilities: Abilities(json: row["abilities"]), lastUsedAt: row.time("last_used_at"),
                    expiresAt: row.time("expires_at"), isRevoked: row["is_revoked"])
            }
        }
    }

    // MARK: Rows

    /// Whose a token is, as Sanctum's `tokenable` has it.
    enum Owner {
        case user(UserID)
        case device(DeviceID)
        case business(BusinessID)

        init(_ user: UserID?, of business: BusinessID) { self = user.map(Owner.user) ?? .business(business) }

        var device: DeviceID? {
            if case .device(let device) = self { device } else { nil }
        }

        var columns: (type: String, id: DatabaseValue) {
            switch self {
            case .user(let user): ("user", user.rawValue.databaseValue)
            case .device(let device): ("device", device.text.databaseValue)
            case .business(let business): ("business", business.databaseValue)
            }
        }
    }

    func insertToken(
        _ db: Database, _ owner: Owner, name: String, business: BusinessID, abilities: Abilities,
        expiresAt: Timestamp?
    ) throws -> (id: TokenID, token: Secret) {
        let secret = Secret.random(prefix: tokenPrefix)
        try db.execute(
            sql: """
                INSERT INTO tidings_tokens(tokenable_type, tokenable_id, name, token, abilities, business, device,
                  expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                owner.columns.type, owner.columns.id, name, SecretHash(of: secret.revealed).hex,
                abilities.json,
                business.databaseValue, owner.device?.text, expiresAt?.microseconds, now.microseconds,
            ])
        let id = TokenID(db.lastInsertedRowID)
        return (id, Secret("\(id)|\(secret.revealed)"))
    }

    /// Writes `last_used_at`, once a minute for all tokens that were used.
    func keepUses() throws {
        notes.uses.merge(book.takeUses()) { max($0, $1) }
        guard !notes.uses.isEmpty, notes.usesKeptAt.map({ now >= $0.adding(seconds: 60) }) ?? true else {
            return
        }
        try queue.write { db in
            let token = try db.cachedStatement(sql: "UPDATE tidings_tokens SET last_used_at = ? WHERE id = ?")
            let device = try db.cachedStatement(
                sql: """
                    UPDATE tidings_devices SET last_seen_at = max(last_seen_at, ?1) FROM tidings_tokens t
                    WHERE t.id = ?2 AND tidings_devices.business = t.business AND tidings_devices.device = t.device
                    """)
            let foreign = try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO tidings_application_uses(token, last_used_at) VALUES (?, ?)")
            for (id, time) in notes.uses {
                if let number = id.applicationID {
                    try foreign.execute(arguments: [number, time.microseconds])
                    continue
                }
                try token.execute(arguments: [time.microseconds, id.rawValue])
                try device.execute(arguments: [time.microseconds, id.rawValue])
            }
        }
        let foreign = notes.uses.filter { $0.key.applicationID != nil }
        notes.uses = [:]
        notes.usesKeptAt = now
        if !foreign.isEmpty { try sanctum?.keepUses(foreign) }
    }
}

/// What waits to be written down: losing it in a crash costs nothing but freshness.
struct Notes {
    var uses: [TokenID: Timestamp] = [:]
    var usesKeptAt: Timestamp?
    var acknowledgements: [Acknowledgement.Key: Acknowledgement] = [:]
}

extension TokenEntry {
    /// Every column of a token, whether it is dead whatever its time, and whether a newer one took its place.
    static let select = """
        SELECT t.*, t.revoked_at IS NOT NULL
          OR (t.device IS NOT NULL AND coalesce(d.state, '') <> 'active')
          OR (t.tokenable_type = 'user' AND u.id IS NULL) AS is_revoked,
          t.revoked_at IS NOT NULL AND coalesce(d.state, '') = 'active' AND EXISTS (
            SELECT 1 FROM tidings_tokens n
            WHERE n.business = t.business AND n.device = t.device AND n.id > t.id) AS is_renewed
        FROM tidings_tokens t
        LEFT JOIN tidings_devices d ON d.business = t.business AND d.device = t.device
        LEFT JOIN tidings_users u ON t.tokenable_type = 'user' AND u.id = t.tokenable_id
        """

    static func all(in db: Database) throws -> [TokenEntry] {
        // Most tokens have one of a few lists of abilities: read each list once.
        var known: [String: Abilities] = [:]
        var entries: [TokenEntry] = []
        let rows = try Row.fetchCursor(db, sql: select)
        while let row = try rows.next() {
            if let entry = TokenEntry(row, &known) { entries.append(entry) }
        }
        return entries
    }

    static func one(_ id: TokenID, in db: Database) throws -> TokenEntry? {
        var known: [String: Abilities] = [:]
        let statement = try db.cachedStatement(sql: select + " WHERE t.id = ?")
        return try Row.fetchOne(statement, arguments: [id.rawValue]).flatMap { TokenEntry($0, &known) }
    }

    private init?(_ row: Row, _ known: inout [String: Abilities]) {
        guard let hash = SecretHash(hex: row["token"]), let business = row.business else { return nil }
        let device: String? = row["device"]
        let deviceID = device.flatMap(DeviceID.init)
        // A device that cannot be named is not "no device": that would be somebody's own token.
        guard (device == nil) == (deviceID == nil) else { return nil }
        let json: String = row["abilities"]
        let abilities = known[json] ?? Abilities(json: json)
        known[json] = abilities
        self.init(
            id: TokenID(row["id"]), hash: hash, business: business, device: deviceID, abilities: abilities,
            expiresAt: row.time("expires_at"), isRevoked: row["is_revoked"], isRenewed: row["is_renewed"])
    }
}
