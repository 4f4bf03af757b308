// Tills: enrolled by a code or by a person's token, bound to one business, and how far each has acknowledged.

public import Domain
import GRDB
import Telemetry

/// How far a device has stored what it was sent.
struct Acknowledgement {
    struct Key: Hashable {
        let business: BusinessID
        let device: DeviceID
    }

    let epoch: Epoch
    let seq: Seq
    let at: Timestamp
    /// In service time.
    let heardAt: Timestamp
}

extension Registry {
    // MARK: Registering

    /// Binds a device to the business of an enrolment code.
    ///
    /// - Throws: `RegistryError.badEnrolmentCode`.
    public func register(
        _ description: DeviceDescription, code: String
    ) throws -> (grant: Grant, token: Secret) {
        let hash = SecretHash(of: code).hex
        return try register(description) { db in
            guard
                let row = try Row.fetchOne(
                    db,
                    sql: """
                        UPDATE tidings_enrolment_codes SET uses_left = uses_left - 1
                        WHERE hash = ? AND uses_left > 0 AND expires_at > ? RETURNING business, abilities
                        """, arguments: [hash, now.microseconds]),
                let business = row.business
            else { throw RegistryError.badEnrolmentCode }
            return (business, Abilities(json: row["abilities"]), nil)
        }
    }

    /// Binds a device to the business of somebody's own token, with no more abilities than that has. A
    /// device's token renews itself, to the same end, and registers nobody else.
    ///
    /// - Throws: `RegistryError.notAllowed`.
    public func register(
        _ description: DeviceDescription, by grant: Grant
    ) throws -> (grant: Grant, token: Secret) {
        guard case .granted = book.check(token: grant.token, now: now),
            grant.device == nil || grant.device == description.device,
            let abilities = grant.abilities.narrowedToTill()
        else { throw RegistryError.notAllowed }
        return try register(description) { db in
            let entry = try TokenEntry.one(grant.token, in: db)
            // Another process may have shut its holder out since the book was written.
            guard grant.token.applicationID != nil || entry?.isRevoked == false else {
                throw RegistryError.notAllowed
            }
            return (grant.business, abilities, grant.device == nil ? nil : entry?.expiresAt)
        }
    }

    /// Binds a device because the operator says so.
    public func register(
        _ description: DeviceDescription, business: BusinessID, abilities: Abilities,
        expiresAt: Timestamp? = nil
    ) throws -> (grant: Grant, token: Secret) {
        try register(description) { _ in (business, abilities, expiresAt) }
    }

    /// The device's row and a new token; the old ones of the same device die.
    private func register(
        _ description: DeviceDescription,
        authorise: (Database) throws -> (BusinessID, Abilities, expiresAt: Timestamp?)
    ) throws -> (grant: Grant, token: Secret) {
        let made = try write { db in
            let (business, abilities, expiresAt) = try authorise(db)
            try db.execute(
                sql: """
                    INSERT INTO tidings_devices(business, device, name, platform, app_version, created_at,
                      last_seen_at, heard_at)
                    VALUES (?, ?, ?, ?, ?, ?6, ?6, ?7)
                    ON CONFLICT(business, device) DO UPDATE SET name = excluded.name, platform = excluded.platform,
                      app_version = excluded.app_version, last_seen_at = excluded.last_seen_at,
                      heard_at = excluded.heard_at, state = 'active'
                    """,
                arguments: [
                    business.databaseValue, description.device.text, description.name, description.platform,
                    description.appVersion, now.microseconds, service.now.microseconds,
                ])
            let old = try revokeTokens(db, of: description.device, business)
            let (id, token) = try insertToken(
                db, .device(description.device), name: description.name, business: business,
                abilities: abilities, expiresAt: expiresAt)
            let grant = Grant(token: id, business: business, device: description.device, abilities: abilities)
            return ((grant, token), old + [id])
        }
        Self.registrations.add()
        return made
    }

    private func revokeTokens(_ db: Database, of device: DeviceID, _ business: BusinessID) throws -> [TokenID]
    {
        try Int64.fetchAll(
            db,
            sql: """
                UPDATE tidings_tokens SET revoked_at = ?
                WHERE business = ? AND device = ? AND revoked_at IS NULL RETURNING id
                """,
            arguments: [now.microseconds, business.databaseValue, device.text]
        ).map(TokenID.init)
    }

    // MARK: Devices

    /// All devices of a business, or of all.
    public func devices(of business: BusinessID?) throws -> [DeviceRecord] {
        try keepAcknowledgements()
        return try queue.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM tidings_devices WHERE ?1 IS NULL OR business = ?1 ORDER BY business, device
                    """, arguments: [business?.databaseValue]
            ).compactMap(DeviceRecord.init)
        }
    }

    /// Shuts a device out: its tokens die. Registering it again lets it back in.
    ///
    /// - Throws: `RegistryError.unknownDevice`.
    public func revokeDevice(_ device: DeviceID, business: BusinessID) throws {
        try write { db in
            try db.execute(
                sql: "UPDATE tidings_devices SET state = 'revoked' WHERE business = ? AND device = ?",
                arguments: [business.databaseValue, device.text])
            guard db.changesCount > 0 else { throw RegistryError.unknownDevice }
            return ((), try revokeTokens(db, of: device, business))
        }
    }

    // MARK: Acknowledging

    /// The position a device has stored. Replaces what it said before, also when it is less: a till restored
    /// from an old copy needs the older tombstones again.
    ///
    /// Written down with the next `keep`. Losing it in a crash only makes tombstones stay a little longer.
    public func acknowledge(_ grant: Grant, epoch: Epoch, seq: Seq) throws {
        guard let device = grant.device else { return }
        notes.acknowledgements[.init(business: grant.business, device: device)] = Acknowledgement(
            epoch: epoch, seq: seq, at: now, heardAt: service.now)
        Self.acknowledgements.add()
    }

    func keepAcknowledgements() throws {
        guard !notes.acknowledgements.isEmpty else { return }
        try queue.write { db in
            let statement = try db.cachedStatement(
                sql: """
                    UPDATE tidings_devices SET acknowledged_epoch = ?1, acknowledged_seq = ?2, acknowledged_at = ?3,
                      last_seen_at = max(last_seen_at, ?3), heard_at = max(heard_at, ?6)
                    WHERE business = ?4 AND device = ?5
                    """)
            for (key, said) in notes.acknowledgements {
                try statement.execute(arguments: [
                    said.epoch.description, said.seq.rawValue, said.at.microseconds,
                    key.business.databaseValue,
                    key.device.text, said.heardAt.microseconds,
                ])
            }
        }
        notes.acknowledgements = [:]
    }

    // MARK: Enrolment codes

    /// Makes a code with which tills enrol themselves.
    ///
    /// - Parameter uses: How many registrations; a till that registers again uses one more.
    public func createEnrolmentCode(
        business: BusinessID, abilities: Abilities, uses: Int, expiresAt: Timestamp
    ) throws -> Secret {
        let secret = Secret.random()
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO tidings_enrolment_codes(hash, business, abilities, uses_left, expires_at, created_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    SecretHash(of: secret.revealed).hex, business.databaseValue, abilities.json, uses,
                    expiresAt.microseconds, now.microseconds,
                ])
        }
        return secret
    }

    /// Codes, by id.
    public func enrolmentCodes() throws -> [EnrolmentCodeRecord] {
        try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM tidings_enrolment_codes ORDER BY id").compactMap { row in
                guard let business = row.business, let expiresAt = row.time("expires_at") else { return nil }
                return EnrolmentCodeRecord(
                    id: EnrolmentCodeID(row["id"]), business: business,
                    abilities: Abilities(json: row["abilities"]),
                    usesLeft: row["uses_left"], expiresAt: expiresAt)
            }
        }
    }

    /// Ends a code; the devices it let in stay.
    ///
    /// - Throws: `RegistryError.unknownEnrolmentCode`.
    public func removeEnrolmentCode(_ id: EnrolmentCodeID) throws {
        try queue.write { db in
            try db.execute(sql: "DELETE FROM tidings_enrolment_codes WHERE id = ?", arguments: [id.rawValue])
            guard db.changesCount > 0 else { throw RegistryError.unknownEnrolmentCode }
        }
    }

    // MARK: Counted

    static let registrations = Counter(
        "tidings_registrations_total", help: "Devices that were given a token.")
    static let acknowledgements = Counter(
        "tidings_acknowledgements_total", help: "Positions that devices said they have stored.")
}

extension DeviceRecord {
    fileprivate init?(_ row: Row) {
        guard let business = row.business, let device = DeviceID(row["device"]),
            let state = State(rawValue: row["state"]), let createdAt = row.time("created_at"),
            let lastSeenAt = row.time("last_seen_at")
        else { return nil }
        self.init(
            business: business, device: device, name: row["name"], platform: row["platform"],
            appVersion: row["app_version"], state: state,
            acknowledgedEpoch: (row["acknowledged_epoch"] as String?).flatMap(Epoch.init(hex:)),
            acknowledged: (row["acknowledged_seq"] as Int64?).map(Seq.init),
            acknowledgedAt: row.time("acknowledged_at"), createdAt: createdAt, lastSeenAt: lastSeenAt)
    }
}
