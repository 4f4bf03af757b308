// Puts the journal, the state index and the hooks into a database, takes them out, and says whether they are
// what the catalogue asks for. Remove drops only what install made: triggers and tables that begin with
// `tidings_`, and the indexes it noted.
//
// Hooks that were gone leave a question behind: what was written meanwhile? Their tables are marked, in the
// transaction that restores them, to be walked (`TableWalk`): after a kill the walk goes on.

public import Domain
public import GRDB
import Lanes

/// For how long an installation kept writers from the database.
public struct InstallLocks: Hashable, Sendable {
    /// For tables, hooks and indexes, which are made in one transaction: indexes grow with the tables.
    public let setUpSeconds: Double
    /// For a chunk of the rows that were there before, at most.
    public let chunkSecondsMax: Double
}

/// Installs, checks and removes hooks. Blocks; lives wherever its connection does.
public struct HookInstaller {
    let queue: DatabaseQueue
    let catalogue: EntityCatalogue
    let generator: HookGenerator

    public init(queue: DatabaseQueue, catalogue: EntityCatalogue, generator: HookGenerator) {
        self.queue = queue
        self.catalogue = catalogue
        self.generator = generator
    }

    /// The SQL that `install` runs, for people to read.
    public var script: String {
        get throws {
            try queue.read { db in
                let entities = try SchemaFit(catalogue, db).entities
                let hooks = generator.hooks(of: EntityCatalogue(entities: entities))
                let indexes = try entities.flatMap { try HookIndexes.wanted(for: $0, db) }.map(\.sql)
                return (JournalSchema.tables + hooks.map(\.sql) + indexes).map { $0 + ";\n" }
                    .joined(separator: "\n")
            }
        }
    }

    /// Makes everything that is not there, replaces hooks that differ, journals rows that were there before.
    ///
    /// Idempotent, and resumable at any point.
    ///
    /// - Parameters:
    ///   - convertsToWAL: Whether a file in another journal mode is converted, or refused.
    ///   - progress: Told after every chunk of rows.
    /// - Throws: `CatalogueMismatch` or `NotWAL`, having changed nothing.
    @discardableResult public func install(
        convertsToWAL: Bool = false, progress: (WalkProgress) -> Void = { _ in }
    ) throws -> InstallLocks {
        try DatabaseFile.requireWAL(queue, converting: convertsToWAL)
        let problems = try status().problems
        guard problems.isEmpty else { throw CatalogueMismatch(problems: problems) }
        let setUp = try restored().lockSeconds
        return InstallLocks(
            setUpSeconds: setUp, chunkSecondsMax: try TableWalker(installer: self).finish(progress))
    }

    /// Compares what is there with what the catalogue asks for.
    ///
    /// - Throws: When the database cannot be read: "cannot tell".
    public func status() throws -> HookStatus {
        try queue.read { db in
            let fit = try SchemaFit(catalogue, db)
            let wanted = generator.hooks(of: EntityCatalogue(entities: fit.entities))
            let there = try Self.installed(db)
            var status = HookStatus()
            let schema = try JournalSchema.found(db, path: queue.path)
            status.olderSchema = schema.flatMap { $0 < JournalSchema.version ? $0 : nil }
            for hook in wanted {
                guard let sql = there[hook.name] else {
                    status.missing.append(hook.name)
                    continue
                }
                if sql != hook.sql { status.different.append(hook.name) }
            }
            let names = Set(wanted.map(\.name))
            status.surplus = there.keys.filter { !names.contains($0) }.sorted()
            status.missingTables = fit.missingTables
            status.missingColumns = fit.missingColumns
            status.notCovered = fit.notCovered
            if try db.hasTable("tidings_hooked") {
                status.unfinished = try String.fetchAll(
                    db, sql: "SELECT name FROM tidings_hooked WHERE purpose IS NOT NULL ORDER BY entity")
            }
            return status
        }
    }

    /// Drops the hooks, the journal, the state index, what is known of uploads, and the indexes that were
    /// made.
    public func remove() throws {
        try queue.inTransaction(.immediate) { db in
            for name in try Self.installed(db).keys { try db.execute(sql: "DROP TRIGGER \(quoted(name))") }
            if try db.hasTable("tidings_index") {
                for name in try String.fetchAll(db, sql: "SELECT name FROM tidings_index") {
                    try db.execute(sql: "DROP INDEX IF EXISTS \(quoted(name))")
                }
            }
            let tables = [
                "journal", "state", "meta", "floor", "suspect", "hooked", "index", "operations", "answers",
            ]
            for table in tables {
                try db.execute(sql: "DROP TABLE IF EXISTS tidings_\(table)")
            }
            return .commit
        }
    }

    // MARK: Restoring

    /// One transaction: what is missing is made, what differs is replaced, tables to be walked are marked. A
    /// journal of an older Tidings is brought up to this one.
    ///
    /// - Returns: The names of the hooks that were made.
    /// - Throws: `NewerSchema`, having changed nothing; the database's errors.
    @discardableResult public func restore() throws -> [String] { try restored().made }

    private func restored() throws -> (made: [String], lockSeconds: Double) {
        var made: [String] = []
        var locked = ContinuousClock.now
        try queue.inTransaction(.immediate) { db in
            locked = ContinuousClock.now
            _ = try JournalSchema.found(db, path: queue.path)
            let fit = try SchemaFit(catalogue, db)
            let before = try Self.installed(db)
            // Without it, journal rows no longer reached the state index: nothing said since then holds.
            let lostApply = try before["tidings_apply"] == nil && db.hasTable("tidings_state")
            for sql in JournalSchema.tables { try db.execute(sql: sql) }
            for (table, column, definition) in JournalSchema.additions
            where try !db.columns(in: table).contains(where: { $0.name == column }) {
                try db.execute(sql: "ALTER TABLE \(table) ADD COLUMN \(column) \(definition)")
            }
            try makeEpoch(db, anew: lostApply)
            let wanted = generator.hooks(of: EntityCatalogue(entities: fit.entities))
            for (name, sql) in before where wanted.first(where: { $0.name == name })?.sql != sql {
                try db.execute(sql: "DROP TRIGGER \(quoted(name))")
            }
            for hook in wanted where before[hook.name] != hook.sql {
                try db.execute(sql: hook.sql)
                made.append(hook.name)
            }
            for entity in fit.entities {
                for index in try HookIndexes.wanted(for: entity, db) { try index.make(db) }
                try mark(entity, before: before, lostApply: lostApply, db)
            }
            return .commit
        }
        return (made, (ContinuousClock.now - locked).seconds)
    }

    /// Notes what has to be found out about a table.
    private func mark(
        _ entity: EntityDefinition, before: [String: String], lostApply: Bool, _ db: Database
    ) throws {
        let wanted = generator.hooks(of: entity)
        let known = try Row.fetchOne(
            db, sql: "SELECT name, purpose FROM tidings_hooked WHERE entity = ?",
            arguments: [entity.number.rawValue])
        let purpose: WalkPurpose?
        if let known {
            let wasUnhooked = wanted.contains { [nil, Self.silenced].contains(before[$0.name]) }
            if wasUnhooked || lostApply || (known["name"] as String) != entity.table {
                purpose = .retell
            } else {
                purpose = wanted.contains { before[$0.name] != $0.sql } ? .compare : nil
            }
        } else {
            purpose = .adopt
        }
        let pending = (known?["purpose"] as String?).flatMap { WalkPurpose(rawValue: $0) }
        guard let purpose, pending.map({ purpose.includes($0) }) ?? true else { return }
        try db.execute(
            sql: """
                INSERT INTO tidings_hooked(entity, name, purpose) VALUES (?, ?, ?)
                ON CONFLICT(entity) DO UPDATE SET
                  name = excluded.name, purpose = excluded.purpose, side = 0, walked = NULL
                """, arguments: [entity.number.rawValue, entity.table, purpose.rawValue])
    }

    /// Stands for the SQL of a hook that another trigger may have kept from running.
    private static let silenced = "silenced"

    /// Our triggers by name, each with its SQL; with other words when it is older than another trigger of its
    /// table.
    ///
    /// SQLite runs triggers of one event newest first. One that runs before a hook and writes the row again
    /// is journaled first, and then the hook journals a row that is no more; one that ends with RAISE(IGNORE)
    /// keeps the hook from running at all. So hooks are the newest, and where they are not they are made
    /// anew.
    private static func installed(_ db: Database) throws -> [String: String] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                WITH triggers AS (
                  SELECT rowid AS age, name, lower(tbl_name) AS of_table, sql,
                    name LIKE 'tidings\\_%' ESCAPE '\\' AS is_ours
                  FROM sqlite_master WHERE type = 'trigger')
                SELECT name, coalesce((
                  SELECT iif(max(o.sql LIKE '%raise%ignore%'), '\(silenced)', 'older') FROM triggers o
                  WHERE o.of_table = t.of_table AND NOT o.is_ours AND o.age > t.age HAVING count(*) > 0
                ), sql) AS sql
                FROM triggers t WHERE is_ours
                """)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["name"], $0["sql"]) })
    }

    /// - Parameter anew: Whether a history that is there ends here.
    private func makeEpoch(_ db: Database, anew: Bool) throws {
        let served = try Succession.served(db)
        if anew || served == nil { try Succession.begin(db, after: served) }
        try db.execute(
            sql: """
                INSERT INTO tidings_meta(key, value) VALUES ('schema', ?)
                ON CONFLICT(key) DO UPDATE SET value = excluded.value
                """,
            arguments: [JournalSchema.version])
    }
}

extension Database {
    /// Asked of the file, not of a cache: other processes make and drop tables.
    func hasTable(_ name: String) throws -> Bool { try TableSchema.read(name, self) != nil }
}
