// Puts the journal, the state index and the hooks into a database, takes them out, and says whether they are
// what the catalogue asks for. Remove drops only what install made: names that begin with `tidings_`, and the
// sync indexes that install created.

public import Domain
public import GRDB
import Lanes

/// Whether the hooks in a database are those of the catalogue.
public struct HookStatus: Hashable, Sendable {
    /// Hooks that are not there.
    public var missing: [String] = []
    /// Hooks whose SQL is another.
    public var different: [String] = []
    /// Hooks of ours that the catalogue does not ask for.
    public var surplus: [String] = []
    /// Tables of the catalogue that do not exist.
    public var missingTables: [String] = []

    public var isInStep: Bool {
        missing.isEmpty && different.isEmpty && surplus.isEmpty && missingTables.isEmpty
    }
}

/// A table of the catalogue is not in the database.
public struct MissingTables: Error, CustomStringConvertible {
    public let tables: [String]
    public var description: String { "the database has no table \(tables.joined(separator: ", "))" }
}

/// Installs, checks and removes hooks. Blocks; lives wherever its connection does.
public struct HookInstaller {
    private let queue: DatabaseQueue
    private let catalogue: EntityCatalogue
    private let generator: HookGenerator

    /// Rows adopted in one transaction: about 20 ms of write lock.
    private static let chunkRows = 500

    public init(queue: DatabaseQueue, catalogue: EntityCatalogue, generator: HookGenerator) {
        self.queue = queue
        self.catalogue = catalogue
        self.generator = generator
    }

    /// The SQL that `install` runs, for people to read.
    public var script: String {
        get throws {
            let hooks = try queue.read { db in generator.hooks(of: try present(db)) }
            return (JournalSchema.tables + hooks.map(\.sql)).map { $0 + ";\n" }.joined(separator: "\n")
        }
    }

    /// Makes everything that is not there, replaces hooks that differ, adopts rows that were there before.
    ///
    /// Idempotent, and resumable: rows that have a state row are not adopted again.
    ///
    /// - Parameter progress: Told how many rows were adopted so far, after every chunk.
    public func install(progress: (_ adopted: Int) -> Void = { _ in }) throws {
        let entities = try existing()
        try queue.inTransaction(.immediate) { db in
            for sql in JournalSchema.tables { try db.execute(sql: sql) }
            try makeEpoch(db)
            let wanted = generator.hooks(of: EntityCatalogue(entities: entities))
            let present = try Self.installed(db)
            for (name, sql) in present where wanted.first(where: { $0.name == name })?.sql != sql {
                try db.execute(sql: "DROP TRIGGER \(quoted(name))")
            }
            for hook in wanted where present[hook.name] != hook.sql { try db.execute(sql: hook.sql) }
            for entity in entities { try makeIndexes(entity, db) }
            return .commit
        }
        var adopted = 0
        for entity in entities {
            try adopt(entity) {
                adopted += $0; progress(adopted)
            }
        }
    }

    /// Compares what is there with what the catalogue asks for.
    ///
    /// - Throws: When the database cannot be read: "cannot tell".
    public func status() throws -> HookStatus {
        try queue.read { db in
            var status = HookStatus()
            let wanted = generator.hooks(of: try present(db))
            let there = try Self.installed(db)
            for hook in wanted {
                guard let sql = there[hook.name] else {
                    status.missing.append(hook.name)
                    continue
                }
                if sql != hook.sql { status.different.append(hook.name) }
            }
            let names = Set(wanted.map(\.name))
            status.surplus = there.keys.filter { !names.contains($0) }.sorted()
            status.missingTables = try catalogue.entities.filter {
                try !$0.isOptional && !db.tableExists($0.table)
            }
            .map(\.table)
            return status
        }
    }

    /// Drops the hooks, the journal and the state index.
    public func remove() throws {
        try queue.inTransaction(.immediate) { db in
            for name in try Self.installed(db).keys { try db.execute(sql: "DROP TRIGGER \(quoted(name))") }
            for table in ["journal", "state", "meta", "floor", "suspect"] {
                try db.execute(sql: "DROP TABLE IF EXISTS tidings_\(table)")
            }
            return .commit
        }
    }

    // MARK: Parts

    /// The catalogue as far as its tables exist.
    private func present(_ db: Database) throws -> EntityCatalogue {
        EntityCatalogue(entities: try catalogue.entities.filter { try db.tableExists($0.table) })
    }

    private func existing() throws -> [EntityDefinition] {
        let missing = try status().missingTables
        guard missing.isEmpty else { throw MissingTables(tables: missing) }
        return try queue.read { db in try present(db).entities }
    }

    /// Our triggers by name.
    private static func installed(_ db: Database) throws -> [String: String] {
        let rows = try Row.fetchAll(
            db,
            sql:
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE "
                + "'tidings\\_%' ESCAPE '\\'"
        )
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["name"], $0["sql"]) })
    }

    private func makeEpoch(_ db: Database) throws {
        var random = SystemRandomNumberGenerator()
        let epoch = Epoch.random(using: &random)
        try db.execute(
            sql: "INSERT INTO tidings_meta(key, value) VALUES ('epoch', ?) ON CONFLICT DO NOTHING",
            arguments: [epoch.description])
        try db.execute(
            sql: "INSERT INTO tidings_meta(key, value) VALUES ('schema', ?) ON CONFLICT DO NOTHING",
            arguments: [JournalSchema.version])
    }

    /// `idx_{table}_sync`, `_deleted`, `_created`, unless an index with the same leading columns is there.
    private func makeIndexes(_ entity: EntityDefinition, _ db: Database) throws {
        guard case .column(let business) = entity.business else { return }
        let existing = try db.indexes(on: entity.table).map { $0.columns.map { $0.lowercased() } }
        let wanted: [(String, String?)] = [
            ("sync", entity.updatedAtColumn), ("deleted", entity.deletedAtColumn),
            ("created", entity.createdAtColumn),
        ]
        for (suffix, column) in wanted {
            guard let column else { continue }
            let columns = [business.lowercased(), column.lowercased()]
            guard !existing.contains(where: { $0.starts(with: columns) }) else { continue }
            try db.execute(
                sql: """
                    CREATE INDEX \(quoted("idx_\(entity.table)_\(suffix)"))
                    ON \(quoted(entity.table))(\(quoted(business)), \(quoted(column)))
                    """)
        }
    }

    /// Journals rows that have no state row, as known and not new, in short transactions.
    private func adopt(_ entity: EntityDefinition, _ progress: (Int) -> Void) throws {
        let key = "t." + quoted(entity.keyColumn)
        let business: String
        switch entity.business {
        case .column(let column): business = "t." + quoted(column)
        case .fixed(.integer(let value)): business = String(value)
        case .fixed(.text(let value)): business = "'" + value.replacing("'", with: "''") + "'"
        }
        let version = entity.versionColumn.map { "max(coalesce(t.\(quoted($0)), 0), 1)" } ?? "1"
        let live = entity.deletedAtColumn.map { "t.\(quoted($0)) IS NULL" } ?? "1"
        var last: DatabaseValue?
        while true {
            var adopted = 0
            var end: DatabaseValue?
            try queue.inTransaction(.immediate) { db in
                // A window of keys at a time: what was adopted before is not looked at again.
                let window = last == nil ? "1" : "\(key) > :last"
                end = try DatabaseValue.fetchOne(
                    db,
                    sql: """
                        SELECT max(k) FROM (SELECT \(key) AS k FROM \(quoted(entity.table)) t
                        WHERE \(window) ORDER BY \(key) LIMIT \(Self.chunkRows))
                        """, arguments: last.map { ["last": $0] } ?? StatementArguments())
                guard let end, !end.isNull else { return .rollback }
                try db.execute(
                    sql: """
                        INSERT INTO tidings_journal(entity, business, id, op, version, was)
                        SELECT \(entity.number.rawValue), \(business), \(key), 5, \(version), NULL
                        FROM \(quoted(entity.table)) t
                        WHERE \(window) AND \(key) <= :end AND \(live) AND \(business) IS NOT NULL AND NOT EXISTS(
                          SELECT 1 FROM tidings_state s
                          WHERE s.entity = \(entity.number.rawValue) AND s.id = +\(key) AND s.business = +\(business))
                        ORDER BY \(key)
                        """, arguments: last.map { ["last": $0, "end": end] } ?? ["end": end])
                adopted = db.changesCount
                return .commit
            }
            guard let end, !end.isNull else { return }
            last = end
            if adopted > 0 { progress(adopted) }
        }
    }
}
