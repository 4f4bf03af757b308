// Users, devices, tokens, enrolment codes: the rows. What every request needs of them is in the CredentialBook; this
// writes, and notices when somebody else wrote: another process may revoke a token or delete its row at any time.

public import Domain
import GRDB
public import Lanes

/// Why a registry call did not do what was asked.
public enum RegistryError: Error, Hashable, Sendable {
    /// No such code, used up, or expired: one answer for all three.
    case badEnrolmentCode
    case unknownDevice
    case unknownToken
}

/// A device as it is listed.
public struct DeviceRecord: Hashable, Sendable {
    public let business: BusinessID
    public let device: DeviceID
    public let name: String
    public let state: String
    public let acknowledged: Seq?
    public let acknowledgedAt: Timestamp?
    public let lastSeenAt: Timestamp
}

/// A token as it is listed; its secret is nowhere.
public struct TokenRecord: Hashable, Sendable {
    public let id: TokenID
    public let business: BusinessID
    public let device: String?
    public let name: String
    public let abilities: Abilities
    public let lastUsedAt: Timestamp?
    public let expiresAt: Timestamp?
    public let isRevoked: Bool
}

/// What a till says of itself.
public struct DeviceDescription: Hashable, Sendable {
    public var device: DeviceID
    public var name: String
    public var platform: String?
    public var appVersion: String?

    public init(device: DeviceID, name: String, platform: String? = nil, appVersion: String? = nil) {
        self.device = device
        self.name = name
        self.platform = platform
        self.appVersion = appVersion
    }
}

/// The gateway's own file. Lives on its worker lane, or in a command's only thread.
public final class Registry {
    let queue: DatabaseQueue
    private let clock: WallClock
    public let book: CredentialBook
    /// Told which tokens died, whoever ended them.
    public var onDeath: (Set<TokenID>) -> Void = { _ in }
    private var dataVersion: Int64 = -1
    private var checkedAt: Timestamp
    /// When each token's `last_used_at` was written.
    private var touched: [TokenID: Timestamp] = [:]

    /// Opens the file, makes and migrates it. Blocks.
    ///
    /// - Throws: `NewerRegistry`, or the database's errors.
    public init(path: String, clock: WallClock, book: CredentialBook = CredentialBook()) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        self.clock = clock
        self.book = book
        checkedAt = clock.now
        try RegistrySchema.migrate(queue, path: path)
        try reload()
    }

    var now: Timestamp { clock.now }

    func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let value = try queue.writeWithoutTransaction { db in
            var result: Value?
            try db.inTransaction(.immediate) {
                result = try body(db)
                return .commit
            }
            return result
        }
        guard let value else { throw DatabaseError(resultCode: .SQLITE_INTERNAL) }
        return value
    }

    // MARK: The book

    /// Reads all tokens again.
    public func reload() throws {
        let entries = try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM tidings_tokens").compactMap(Self.entry)
        }
        let died = book.replace(with: entries, now: clock.now)
        if !died.isEmpty { onDeath(died) }
    }

    /// Notices what changed since the last look, by other processes or by time. A few times a second, and when
    /// somebody presents a token that the book does not know.
    public func check() throws {
        let now = clock.now
        let expired = book.expired(since: checkedAt, now: now)
        checkedAt = now
        if !expired.isEmpty { onDeath(expired) }
        let version = try queue.read { try Int64.fetchOne($0, sql: "PRAGMA data_version") ?? -1 }
        guard version != dataVersion else { return }
        dataVersion = version
        try reload()
    }

    private static func entry(_ row: Row) -> TokenEntry? {
        guard let hash = SecretHash(hex: row["token"]), let business = key(row["business"]) else { return nil }
        return TokenEntry(
            id: TokenID(row["id"]), hash: hash, business: BusinessID(business),
            device: (row["device"] as String?).flatMap(DeviceID.init), abilities: abilities(row["abilities"]),
            expiresAt: (row["expires_at"] as Int64?).map(Timestamp.init(microseconds:)),
            isRevoked: (row["revoked_at"] as Int64?) != nil)
    }

    static func key(_ value: DatabaseValue) -> Key? {
        switch value.storage {
        case .int64(let number): .integer(number)
        case .string(let text): .text(text)
        case .null, .double, .blob: nil
        }
    }

    static func value(_ business: BusinessID) -> DatabaseValue {
        switch business.key {
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        }
    }

    /// A JSON list of names, as Sanctum stores it.
    private static func abilities(_ json: String) -> Abilities {
        Abilities(json.split { "[]\", \n".contains($0) }.map(String.init))
    }

    static func json(_ abilities: Abilities) -> String {
        "[" + abilities.names.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }

    // MARK: Users and tokens

    /// Adds a person of a business.
    public func createUser(named name: String, business: BusinessID) throws -> Int64 {
        try write { db in
            try db.execute(
                sql: "INSERT INTO tidings_users(business, name, created_at) VALUES (?, ?, ?)",
                arguments: [Self.value(business), name, now.microseconds])
            return db.lastInsertedRowID
        }
    }

    /// Makes a token. Its secret is in the answer and nowhere else.
    public func createToken(
        name: String, business: BusinessID, device: DeviceID?, user: Int64?, abilities: Abilities, expiresAt: Timestamp?
    ) throws -> Secret {
        let secret = Secret.random()
        let id = try write { db in
            try insertToken(
                db, secret, name: name, business: business, device: device, user: user, abilities: abilities,
                expiresAt: expiresAt)
        }
        try reload()
        return Secret("\(id)|\(secret.revealed)")
    }

    private func insertToken(
        _ db: Database, _ secret: Secret, name: String, business: BusinessID, device: DeviceID?, user: Int64?,
        abilities: Abilities, expiresAt: Timestamp?
    ) throws -> Int64 {
        try db.execute(
            sql: """
                INSERT INTO tidings_tokens(tokenable_type, tokenable_id, name, token, abilities, business, device,
                  expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                user == nil ? "device" : "user", user?.databaseValue ?? (device?.text ?? "").databaseValue, name,
                SecretHash(of: secret.revealed).hex, Self.json(abilities), Self.value(business), device?.text,
                expiresAt?.microseconds, now.microseconds,
            ])
        return db.lastInsertedRowID
    }

    /// Ends a token for good. Its streams are cut within a second, whichever process this is.
    public func revokeToken(_ id: TokenID) throws {
        try write { db in
            try db.execute(
                sql: "UPDATE tidings_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                arguments: [now.microseconds, id.rawValue])
            guard try db.changesCount > 0 || Self.exists(db, id) else { throw RegistryError.unknownToken }
        }
    }

    private static func exists(_ db: Database, _ id: TokenID) throws -> Bool {
        try Int.fetchOne(db, sql: "SELECT 1 FROM tidings_tokens WHERE id = ?", arguments: [id.rawValue]) != nil
    }

    /// All tokens, newest first.
    public func tokens() throws -> [TokenRecord] {
        try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM tidings_tokens ORDER BY id DESC").compactMap { row in
                guard let business = Self.key(row["business"]) else { return nil }
                return TokenRecord(
                    id: TokenID(row["id"]), business: BusinessID(business), device: row["device"], name: row["name"],
                    abilities: Self.abilities(row["abilities"]),
                    lastUsedAt: (row["last_used_at"] as Int64?).map(Timestamp.init(microseconds:)),
                    expiresAt: (row["expires_at"] as Int64?).map(Timestamp.init(microseconds:)),
                    isRevoked: (row["revoked_at"] as Int64?) != nil)
            }
        }
    }

    /// Notes that a token was used: at most once a minute each.
    public func touch(_ id: TokenID) throws {
        let now = now
        if let last = touched[id], now.microseconds - last.microseconds < 60_000_000 { return }
        touched[id] = now
        try write { db in
            try db.execute(
                sql: "UPDATE tidings_tokens SET last_used_at = ? WHERE id = ?",
                arguments: [now.microseconds, id.rawValue])
        }
    }

    // MARK: Devices

    /// Makes a code with which tills enrol themselves.
    public func createEnrolmentCode(
        business: BusinessID, abilities: Abilities, uses: Int, expiresAt: Timestamp
    ) throws -> Secret {
        let secret = Secret.random()
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO tidings_enrolment_codes(hash, business, abilities, uses_left, expires_at, created_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    SecretHash(of: secret.revealed).hex, Self.value(business), Self.json(abilities), uses,
                    expiresAt.microseconds, now.microseconds,
                ])
        }
        return secret
    }

    /// Binds a device to the business of an enrolment code.
    ///
    /// - Throws: `RegistryError.badEnrolmentCode`.
    public func register(_ description: DeviceDescription, code: String) throws -> (grant: Grant, token: Secret) {
        let hash = SecretHash(of: code).hex
        return try register(description) { db in
            guard
                let row = try Row.fetchOne(
                    db,
                    sql: """
                        SELECT id, business, abilities FROM tidings_enrolment_codes
                        WHERE hash = ? AND uses_left > 0 AND expires_at > ?
                        """, arguments: [hash, self.now.microseconds]),
                let business = Self.key(row["business"])
            else { throw RegistryError.badEnrolmentCode }
            try db.execute(
                sql: "UPDATE tidings_enrolment_codes SET uses_left = uses_left - 1 WHERE id = ?",
                arguments: [row["id"] as Int64])
            return (BusinessID(business), Self.abilities(row["abilities"]))
        }
    }

    /// Binds a device to the business of somebody's own token.
    public func register(_ description: DeviceDescription, by grant: Grant) throws -> (grant: Grant, token: Secret) {
        try register(description) { _ in (grant.business, .till) }
    }

    /// The device's row and a new token; the old ones of the same device die.
    private func register(
        _ description: DeviceDescription, authorise: (Database) throws -> (BusinessID, Abilities)
    ) throws -> (grant: Grant, token: Secret) {
        let secret = Secret.random()
        let (id, business, abilities) = try write { db in
            let (business, abilities) = try authorise(db)
            try db.execute(
                sql: """
                    INSERT INTO tidings_devices(business, device, name, platform, app_version, created_at, last_seen_at)
                    VALUES (?, ?, ?, ?, ?, ?6, ?6)
                    ON CONFLICT(business, device) DO UPDATE SET name = excluded.name, platform = excluded.platform,
                      app_version = excluded.app_version, last_seen_at = excluded.last_seen_at, state = 'active'
                    """,
                arguments: [
                    Self.value(business), description.device.text, description.name, description.platform,
                    description.appVersion, now.microseconds,
                ])
            try db.execute(
                sql: """
                    UPDATE tidings_tokens SET revoked_at = ?
                    WHERE business = ? AND device = ? AND tokenable_type = 'device' AND revoked_at IS NULL
                    """, arguments: [now.microseconds, Self.value(business), description.device.text])
            let id = try insertToken(
                db, secret, name: description.name, business: business, device: description.device, user: nil,
                abilities: abilities, expiresAt: nil)
            return (TokenID(id), business, abilities)
        }
        return (
            Grant(token: id, business: business, device: description.device, abilities: abilities),
            Secret("\(id)|\(secret.revealed)")
        )
    }

    /// The position a device has stored. Replaces what it said before.
    public func acknowledge(_ grant: Grant, epoch: Epoch, seq: Seq) throws {
        guard let device = grant.device else { return }
        try write { db in
            try db.execute(
                sql: """
                    UPDATE tidings_devices SET acknowledged_epoch = ?1, acknowledged_seq = ?2, acknowledged_at = ?3,
                      last_seen_at = ?3 WHERE business = ?4 AND device = ?5
                    """,
                arguments: [
                    epoch.description, seq.rawValue, now.microseconds, Self.value(grant.business), device.text,
                ])
        }
    }

    /// All devices of a business, or of all.
    public func devices(of business: BusinessID?) throws -> [DeviceRecord] {
        try queue.read { db in
            let all = try Row.fetchAll(db, sql: "SELECT * FROM tidings_devices ORDER BY business, device")
            return all.compactMap { row in
                guard let key = Self.key(row["business"]), let device = DeviceID(row["device"]),
                    business == nil || business == BusinessID(key)
                else { return nil }
                return DeviceRecord(
                    business: BusinessID(key), device: device, name: row["name"], state: row["state"],
                    acknowledged: (row["acknowledged_seq"] as Int64?).map(Seq.init),
                    acknowledgedAt: (row["acknowledged_at"] as Int64?).map(Timestamp.init(microseconds:)),
                    lastSeenAt: Timestamp(microseconds: row["last_seen_at"]))
            }
        }
    }

    /// Revokes a device's tokens.
    public func revokeDevice(_ device: DeviceID, business: BusinessID) throws {
        try write { db in
            try db.execute(
                sql: "UPDATE tidings_devices SET state = 'revoked' WHERE business = ? AND device = ?",
                arguments: [Self.value(business), device.text])
            guard db.changesCount > 0 else { throw RegistryError.unknownDevice }
            try db.execute(
                sql: "UPDATE tidings_tokens SET revoked_at = ? WHERE business = ? AND device = ? AND revoked_at IS NULL",
                arguments: [now.microseconds, Self.value(business), device.text])
        }
    }
}
