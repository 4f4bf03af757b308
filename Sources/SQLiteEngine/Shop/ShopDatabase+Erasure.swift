// What is left of a business that leaves: the ids of its records in the journal and the state index, nothing
// that anybody wrote.

public import Domain
import GRDB

/// The shop has no business of that id.
public struct UnknownBusiness: Error, CustomStringConvertible {
    public let id: BusinessID
    public init(id: BusinessID) { self.id = id }
    public var description: String { "there is no business \(id); `tidings business list` shows all" }
}

extension ShopDatabase {
    /// Removes a business with all its rows, in one transaction. The hooks tell its tills, as ever.
    ///
    /// - Returns: Whether anything was left of it.
    /// - Throws: The database's errors; nothing is removed then.
    public func eraseBusiness(_ business: BusinessID) throws -> Bool {
        let queue = try file.open(.writer)
        return try queue.inDatabase { db in
            let before = db.totalChangesCount
            // Free pages are overwritten, so that nothing can be read out of the file afterwards.
            try db.execute(sql: "PRAGMA secure_delete = ON")
            try db.inTransaction(.immediate) {
                try db.execute(sql: "PRAGMA defer_foreign_keys = ON")
                // The shop's own triggers write stock while sales go, so a round may leave rows behind.
                while try eraseRows(of: business, db) > 0 {}
                try db.execute(
                    sql: "DELETE FROM businesses WHERE id = ?", arguments: [business.key.databaseValue])
                try UploadTraces.erase(business, db)
                return .commit
            }
            return db.totalChangesCount > before
        }
    }

    /// Refuses the id of a business that is not there.
    ///
    /// - Throws: `UnknownBusiness`, or the database's errors.
    public func requireBusiness(_ business: BusinessID) throws {
        // Opening would make the file.
        guard file.identity != nil else { throw UnknownBusiness(id: business) }
        let isThere = try file.open(.reader).read { db in
            try db.hasTable("businesses")
                && Bool.fetchOne(
                    db, sql: "SELECT EXISTS(SELECT 1 FROM businesses WHERE id = ?)",
                    arguments: [business.key.databaseValue]) == true
        }
        guard isThere else { throw UnknownBusiness(id: business) }
    }

    private func eraseRows(of business: BusinessID, _ db: Database) throws -> Int {
        var count = 0
        for entity in catalogue.entities.reversed() {
            guard case .column(let column) = entity.business, try db.tableExists(entity.table) else {
                continue
            }
            try db.execute(
                sql: "DELETE FROM \(quoted(entity.table)) WHERE \(quoted(column)) = ?",
                arguments: [business.key.databaseValue])
            count += db.changesCount
        }
        return count
    }
}
