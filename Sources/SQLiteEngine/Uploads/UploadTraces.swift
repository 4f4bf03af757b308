// What uploads leave in the tailed database beside the records: which device did what, answers word for word,
// origins in the journal. It goes with the till or the business that wants to be forgotten.

public import Domain
import GRDB

/// Takes names out of what makes uploads exactly-once.
public struct UploadTraces {
    private let file: DatabaseFile

    public init(file: DatabaseFile) { self.file = file }

    /// Forgets which device it was. Its operations stay known by their ids, as nobody's: a queue that another
    /// till sends again must not be sold twice.
    ///
    /// - Complexity: Walks the journal, under the write lock.
    public func erase(_ device: DeviceID, of business: BusinessID) throws {
        try erase { db in
            let which: StatementArguments = [business.key.databaseValue, device.text]
            if try db.hasTable("tidings_operations") {
                try db.execute(
                    sql: "UPDATE tidings_operations SET device = '' WHERE business = ? AND device = ?",
                    arguments: which)
                try db.execute(
                    sql: "DELETE FROM tidings_answers WHERE business = ? AND device = ?", arguments: which)
            }
            try Self.forgetOrigins(db, where: "business = ? AND device = ?", which)
        }
    }

    /// Forgets a business's uploads altogether.
    ///
    /// - Complexity: Walks the journal, under the write lock.
    public func erase(_ business: BusinessID) throws {
        try erase { try Self.erase(business, $0) }
    }

    /// The same, in a transaction that is open.
    static func erase(_ business: BusinessID, _ db: Database) throws {
        let which: StatementArguments = [business.key.databaseValue]
        for table in ["tidings_operations", "tidings_answers"] where try db.hasTable(table) {
            try db.execute(sql: "DELETE FROM \(table) WHERE business = ?", arguments: which)
        }
        try forgetOrigins(db, where: "business = ? AND device IS NOT NULL", which)
    }

    private static func forgetOrigins(
        _ db: Database, where condition: String, _ which: StatementArguments
    ) throws {
        guard try db.hasTable("tidings_journal") else { return }
        try db.execute(
            sql: "UPDATE tidings_journal SET device = NULL, operation = NULL WHERE \(condition)",
            arguments: which)
    }

    private func erase(_ body: (Database) throws -> Void) throws {
        let queue = try file.open(.writer)
        try queue.inDatabase { db in
            // Free pages are overwritten, so that nothing can be read out of the file afterwards.
            try db.execute(sql: "PRAGMA secure_delete = ON")
            try db.inTransaction(.immediate) {
                try body(db)
                return .commit
            }
        }
    }
}
