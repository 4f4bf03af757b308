// The embedded database as a whole: made, migrated forward, hooked.

public import Domain
public import GRDB

/// The database was written by a newer Tidings.
public struct NewerSchema: Error, CustomStringConvertible {
    public let path: String
    public let found: Int
    public let known: Int
    public var description: String {
        "\(path) has schema \(found) and this tidings knows \(known): use the newer tidings, or "
            + "restore a backup"
    }
}

/// The shop's database file.
public struct ShopDatabase {
    public let file: DatabaseFile
    public let catalogue: EntityCatalogue

    public init(file: DatabaseFile, catalogue: EntityCatalogue) {
        self.file = file
        self.catalogue = catalogue
    }

    /// Forward only; the number of a step is its place. Stored in `PRAGMA user_version`.
    private static let migrations: [[String]] = [
        ShopSchema.tables + ShopSchema.indexes,
        // Of databases that were made while the first step had triggers too: not those of today.
        StockTriggers.anew,
    ]

    /// Makes what is not there: the file, its tables, journal, hooks, indexes. Idempotent.
    ///
    /// - Throws: `NewerSchema`, or the database's own errors.
    public func create() throws {
        let queue = try file.open(.checkpointer)
        try migrate(queue)
        try installer(queue).install()
    }

    /// Brings a shop that an older Tidings made up to this one; a file that is no shop is left alone. The
    /// hooks are the keeper's affair, also those on tables whose own triggers are newer now.
    ///
    /// - Throws: `NewerSchema`, or the database's own errors.
    public func bringForward() throws {
        let found = try file.open(.reader).read { try Int.fetchOne($0, sql: "PRAGMA user_version") } ?? 0
        guard found > 0, found != Self.migrations.count else { return }
        try migrate(try file.open(.writer))
    }

    /// The installer of this database's hooks.
    public func installer(_ queue: DatabaseQueue) -> HookInstaller {
        HookInstaller(queue: queue, catalogue: catalogue, generator: HookGenerator(writesVersionBack: true))
    }

    private func migrate(_ queue: DatabaseQueue) throws {
        try queue.inTransaction(.immediate) { db in
            let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            guard found <= Self.migrations.count else {
                throw NewerSchema(path: file.path, found: found, known: Self.migrations.count)
            }
            for statement in Self.migrations[found...].joined() { try db.execute(sql: statement) }
            try db.execute(sql: "PRAGMA user_version = \(Self.migrations.count)")
            return .commit
        }
    }

    // MARK: Businesses

    /// Adds a tenant. Its name need not be unique.
    public func createBusiness(named name: String) throws -> BusinessID {
        let queue = try file.open(.writer)
        return try queue.inDatabase { db in
            var id: Int64 = 0
            try db.inTransaction(.immediate) {
                try db.execute(sql: "INSERT INTO businesses(name) VALUES (?)", arguments: [name])
                id = db.lastInsertedRowID
                return .commit
            }
            return BusinessID(id)
        }
    }

    /// Every tenant, by id.
    public func businesses() throws -> [(id: BusinessID, name: String)] {
        let queue = try file.open(.reader)
        return try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT id, name FROM businesses ORDER BY id").map {
                (BusinessID($0["id"] as Int64), $0["name"])
            }
        }
    }
}
