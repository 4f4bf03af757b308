// What is left of somebody who wants to be forgotten: nothing. The rows go, free pages are overwritten
// (`secure_delete`), and the gateway's next checkpoint lets the old pages of the -wal file go.

public import Domain
import GRDB

extension Registry {
    /// Removes a device with its tokens, tickets and sync log. Its streams are cut.
    ///
    /// - Throws: `RegistryError.unknownDevice`.
    public func eraseDevice(_ device: DeviceID, business: BusinessID) throws {
        notes.acknowledgements[.init(business: business, device: device)] = nil
        try write { db in
            let which: StatementArguments = [business.databaseValue, device.text]
            try db.execute(
                sql: "DELETE FROM tidings_devices WHERE business = ? AND device = ?", arguments: which)
            guard db.changesCount > 0 else { throw RegistryError.unknownDevice }
            try db.execute(
                sql: "DELETE FROM tidings_sync_logs WHERE business = ? AND device = ?", arguments: which)
            return ((), try eraseTokens(db, where: "business = ? AND device = ?", which))
        }
    }

    /// Removes a person with their tokens and tickets; the devices they registered stay.
    ///
    /// - Throws: `RegistryError.unknownUser`.
    public func eraseUser(_ user: UserID) throws {
        try write { db in
            try db.execute(sql: "DELETE FROM tidings_users WHERE id = ?", arguments: [user.rawValue])
            guard db.changesCount > 0 else { throw RegistryError.unknownUser }
            return (
                (),
                try eraseTokens(db, where: "tokenable_type = 'user' AND tokenable_id = ?", [user.rawValue])
            )
        }
    }

    /// Removes all that is known of a business. The shop's own rows are the application's affair.
    ///
    /// - Returns: Whether anything was.
    @discardableResult public func eraseBusiness(_ business: BusinessID) throws -> Bool {
        notes.acknowledgements = notes.acknowledgements.filter { $0.key.business != business }
        return try write { db in
            let which: StatementArguments = [business.databaseValue]
            let before = db.totalChangesCount
            // Uses of the application's tokens name no business; the log knows whose they were.
            try db.execute(
                sql: """
                    DELETE FROM tidings_application_uses WHERE token IN
                      (SELECT -token FROM tidings_sync_logs WHERE business = ? AND token < 0)
                    """, arguments: which)
            for table in ["users", "devices", "enrolment_codes", "tickets", "sync_logs"] {
                try db.execute(sql: "DELETE FROM tidings_\(table) WHERE business = ?", arguments: which)
            }
            let tokens = try eraseTokens(db, where: "business = ?", which)
            return (db.totalChangesCount > before, tokens)
        }
    }

    /// - Parameter condition: Of our own words only.
    private func eraseTokens(
        _ db: Database, where condition: String, _ arguments: StatementArguments
    ) throws -> [TokenID] {
        let gone = try Int64.fetchAll(
            db, sql: "DELETE FROM tidings_tokens WHERE \(condition) RETURNING id", arguments: arguments)
        for id in gone { try db.execute(sql: "DELETE FROM tidings_tickets WHERE token = ?", arguments: [id]) }
        return gone.map(TokenID.init)
    }
}
