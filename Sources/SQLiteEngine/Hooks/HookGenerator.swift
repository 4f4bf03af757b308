// Model hooks: triggers that leave a trace of every write in the journal, in the writer's own transaction,
// whoever writes. Plain SQL, no functions of ours, so that any SQLite client runs them.
//
// Rules that cost somebody data before they were rules (docs/ARCHITECTURE.md § Hooks):
// - only ON CONFLICT DO UPDATE / DO NOTHING inside: an outer conflict clause overrides OR REPLACE;
// - `+NEW.id` against untyped keys: without the plus no index is used, and every write scans;
// - a NULL business or key makes no journal row, and never fails the writer;
// - delete hooks take the business from the state index, never from OLD: after a cascade the parent is gone;
// - a REPLACE through a second UNIQUE key deletes without a delete trigger: BEFORE hooks note possible
//   victims, AFTER hooks journal those that are gone. Right with `recursive_triggers` off and on.

public import Domain

/// One trigger: its name and its whole SQL.
public struct Hook: Hashable, Sendable {
    public let name: String
    public let table: String
    public let sql: String
}

/// Writes the hooks of a catalogue. A value.
public struct HookGenerator: Sendable {
    /// Whether the state index's version is written back to the row (embedded), or the row is left alone
    /// (attached).
    public let writesVersionBack: Bool

    public init(writesVersionBack: Bool) { self.writesVersionBack = writesVersionBack }

    /// Every hook, the state index's own first.
    public func hooks(of catalogue: EntityCatalogue) -> [Hook] {
        [Hook(name: "tidings_apply", table: "tidings_journal", sql: JournalSchema.applyTrigger)]
            + catalogue.entities.flatMap(hooks(of:))
    }

    /// The hooks of one table.
    public func hooks(of entity: EntityDefinition) -> [Hook] {
        let parts = HookParts(entity, writesVersionBack: writesVersionBack)
        var hooks: [Hook] = []
        func add(_ suffix: String, _ event: String, when: String? = nil, _ statements: [String]) {
            guard !statements.isEmpty else { return }
            let name = "tidings_\(entity.name)_\(suffix)"
            let condition = when.map { "\nWHEN \($0)" } ?? ""
            let body = statements.map { "  " + $0 + ";" }.joined(separator: "\n")
            hooks.append(
                Hook(
                    name: name, table: entity.table,
                    sql:
                        "CREATE TRIGGER \(name) \(event) ON \(quoted(entity.table))\(condition) BEGIN\n\(body)\nEND"
                ))
        }
        let newLife = [parts.journalLife(otherwise: "1")] + parts.writeBack
        // A row that is changed and was never journaled was there before its table was hooked:
        // known, not new.
        let life =
            [parts.journalLife(otherwise: "CASE WHEN \(parts.isAnotherLife) THEN 1 ELSE 5 END")]
            + parts.writeBack
        add("bi", "BEFORE INSERT", parts.noteVictims(isUpdate: false))
        add("i", "AFTER INSERT", parts.journalVictims + [parts.journalEnded("+NEW.\(parts.key)")])
        add("il", "AFTER INSERT", when: parts.isSomebodys, newLife)
        // A statement is compiled with every trigger whose columns it sets, and that is most of what an
        // application pays which prepares each statement anew: what few statements need has a trigger of its
        // own. Triggers of one event may run in any order.
        add("bu", "BEFORE UPDATE OF \(parts.uniqueColumns)", parts.noteVictims(isUpdate: true))
        add("uv", "AFTER UPDATE OF \(parts.uniqueColumns)", parts.journalVictims)
        add(
            "ue", "AFTER UPDATE OF \(parts.identityColumns)", when: parts.isAnotherLife,
            [parts.journalEnded("+OLD.\(parts.key), +NEW.\(parts.key)")])
        add(
            "u", "AFTER UPDATE OF \(parts.visibleColumns)",
            when: "\(parts.isSomebodys) AND (\(parts.isVisibleChange))", life)
        add("d", "AFTER DELETE", [parts.journalDeleted])
        return hooks + entity.embeds.flatMap { self.hooks(of: $0, in: entity) }
    }
}

extension HookGenerator {
    /// A key as SQL.
    static func literal(_ key: Key) -> String {
        switch key {
        case .integer(let value): String(value)
        case .text(let value):
            "'" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        }
    }

    /// SQL: whether a value can name a record. Columns that are no alias of rowid may hold NULL, reals and
    /// BLOBs.
    static func isKey(_ value: String) -> String { "typeof(\(value)) IN ('integer', 'text')" }

    /// SQL: whether an update changed a column, be it by case only and the column COLLATE NOCASE.
    static func isChanged(_ column: String) -> String { "NEW.\(column) IS NOT OLD.\(column) COLLATE BINARY" }

    /// SQL: a version as a table's column says it; 0 for what cannot grow, or not as far as clients count.
    static func version(_ column: String?) -> String {
        column.map {
            "CASE WHEN typeof(\($0)) = 'integer' AND \($0) BETWEEN 1 AND \(versionMax) THEN \($0) ELSE 0 END"
        } ?? "0"
    }

    /// Half of what JavaScript counts exactly, so that it can still grow.
    private static let versionMax = Int64(1) << 52
}

extension ReplaceKey {
    /// SQL: a row called `y` stands in the way of NEW, as the index compares them.
    var meetsNew: String {
        columns.enumerated().map { place, column in
            let collation = collations.map { " COLLATE \(quoted($0[place]))" } ?? ""
            return "y.\(quoted(column)) = NEW.\(quoted(column))\(collation)"
        }.joined(separator: " AND ")
    }
}

/// The statements hooks are made of, for one table. A value.
private struct HookParts {
    let number: UInt8
    let table: String
    let key: String
    let business: String
    let isLive: String
    let wasLive: String
    let newVersion: String
    let writeBack: [String]
    /// The primary key and every column of a further UNIQUE key.
    let uniqueColumns: String
    /// The columns that say which record of which business a row is, and whether it lives.
    let identityColumns: String
    let isAnotherLife: String
    /// What clients see.
    let visibleColumns: String
    let isVisibleChange: String
    private let replaceKeys: [ReplaceKey]

    private static let into = "INSERT INTO tidings_journal(entity, business, id, op, version, was)"

    init(_ entity: EntityDefinition, writesVersionBack: Bool) {
        number = entity.number.rawValue
        table = quoted(entity.table)
        key = quoted(entity.keyColumn)
        replaceKeys = entity.replaceKeys
        let businessColumn: String?
        switch entity.business {
        case .column(let column):
            businessColumn = quoted(column)
            business = "NEW.\(quoted(column))"
        case .fixed(let fixed):
            businessColumn = nil
            business = HookGenerator.literal(fixed)
        }
        isLive = entity.deletedAtColumn.map { "(NEW.\(quoted($0)) IS NULL)" } ?? "1"
        wasLive = entity.deletedAtColumn.map { "(OLD.\(quoted($0)) IS NULL)" } ?? "1"
        let last = "(SELECT max(version) FROM tidings_state WHERE entity = \(number) AND id = +NEW.\(key))"
        let version = entity.versionColumn.map(quoted)
        newVersion =
            "max(\(HookGenerator.version(version.map { "NEW.\($0)" })), 1 + coalesce(\(last), 0))"

        // `SET rowid = …` changes an integer key by another name.
        let keyNames = [key, "rowid", "oid", "_rowid_"]
        let deletedAt = entity.deletedAtColumn.map(quoted)
        var unique = keyNames
        for column in entity.replaceKeys.flatMap(\.columns).map(quoted) where !unique.contains(column) {
            unique.append(column)
        }
        uniqueColumns = unique.joined(separator: ", ")
        identityColumns = (keyNames + [businessColumn, deletedAt].compactMap(\.self)).joined(separator: ", ")
        isAnotherLife =
            ([key, businessColumn].compactMap(\.self).map(HookGenerator.isChanged)
            + (deletedAt == nil ? [] : ["\(isLive) <> \(wasLive)"])).joined(separator: " OR ")
        var visible = [key]
        let stamps = [entity.createdAtColumn, entity.updatedAtColumn].compactMap(\.self).map(quoted)
        for column in [businessColumn, deletedAt].compactMap(\.self) + stamps
            + entity.fields.map({ quoted($0.column) }) where !visible.contains(column)
        {
            visible.append(column)
        }
        visibleColumns = (visible + [version].compactMap(\.self) + keyNames.dropFirst())
            .joined(separator: ", ")
        var changes = visible.map(HookGenerator.isChanged)
        // A new version alone is a change too, unless it is the one that was just written back.
        if let version {
            changes.append("(\(HookGenerator.isChanged(version)) AND NEW.\(version) IS NOT \(last))")
        }
        isVisibleChange = changes.joined(separator: "\n  OR ")
        if let version, writesVersionBack {
            writeBack = [
                """
                UPDATE \(table) SET \(version) = coalesce(\(last), \(version))
                    WHERE \(key) = NEW.\(key) AND \(version) IS NOT coalesce(\(last), \(version))
                """
            ]
        } else {
            writeBack = []
        }
    }

    /// Rows that this statement may be about to replace through another UNIQUE key, or through a changed key.
    func noteVictims(isUpdate: Bool) -> [String] {
        guard !replaceKeys.isEmpty else { return [] }
        let own = isUpdate ? "OLD.\(key)" : "NEW.\(key)"
        var notes = replaceKeys.map { unique in
            """
            INSERT INTO tidings_suspect(entity, id) SELECT \(number), y.\(key) FROM \(table) y
                WHERE \(unique.meetsNew) AND y.\(key) IS NOT \(own) AND y.\(key) IS NOT NULL ON CONFLICT DO NOTHING
            """
        }
        if isUpdate {
            notes.append(
                """
                INSERT INTO tidings_suspect(entity, id) SELECT \(number), y.\(key) FROM \(table) y
                    WHERE y.\(key) = NEW.\(key) AND NEW.\(key) IS NOT OLD.\(key) ON CONFLICT DO NOTHING
                """)
        }
        return notes
    }

    /// Victims that are gone.
    var journalVictims: [String] {
        guard !replaceKeys.isEmpty else { return [] }
        return [
            """
            \(Self.into)
                SELECT \(number), s.business, s.id, 3, s.version + 1, s.version FROM tidings_state s
                WHERE s.entity = \(number) AND s.dead = 0
                  AND s.id IN (SELECT x.id FROM tidings_suspect x WHERE x.entity = \(number))
                  AND NOT EXISTS(SELECT 1 FROM \(table) y WHERE y.\(key) = s.id)
            """,
            "DELETE FROM tidings_suspect WHERE entity = \(number)",
        ]
    }

    /// Lives that ended: of these ids, every live state row that is not what the row is now.
    func journalEnded(_ ids: String) -> String {
        """
        \(Self.into)
            SELECT \(number), s.business, s.id, 3, s.version + 1, s.version FROM tidings_state s
            WHERE s.entity = \(number) AND s.dead = 0 AND s.id IN (\(ids))
              AND NOT (s.id IS +NEW.\(key) AND s.business IS \(business) AND \(isLive))
        """
    }

    /// A living row of a business, with a key: the only ones that have a life to journal.
    var isSomebodys: String {
        "\(business) IS NOT NULL AND \(isLive) AND \(HookGenerator.isKey("NEW.\(key)"))"
    }

    /// The life that is, of a row that is somebody's. VALUES, since INSERT … SELECT into a table that has a
    /// trigger takes a temporary table each time.
    ///
    /// - Parameter otherwise: The operation for a record that the state index does not know.
    func journalLife(otherwise: String) -> String {
        let state =
            "FROM tidings_state WHERE entity = \(number) AND id = +NEW.\(key) AND business = +\(business)"
        return """
            \(Self.into) VALUES (\(number), \(business), NEW.\(key),
                CASE (SELECT dead \(state)) WHEN 0 THEN 2 WHEN 1 THEN 4 ELSE \(otherwise) END,
                \(newVersion),
                (SELECT version \(state) AND dead = 0))
            """
    }

    var journalDeleted: String {
        """
        \(Self.into)
            SELECT \(number), s.business, s.id, 3, s.version + 1, s.version FROM tidings_state s
            WHERE s.entity = \(number) AND s.dead = 0 AND s.id = +OLD.\(key)
        """
    }
}
