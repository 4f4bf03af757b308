// A table and the state index, compared in key order, a window at a time. Each side is walked by itself: rows
// that no live state row tells of, then live state rows that no row stands behind. What differs is journaled,
// as if a hook had told it.
//
// Windows, not cursors: every chunk is a short transaction of its own, so that writers wait for milliseconds
// only, and a walk that was killed goes on where it was.

import Domain
import GRDB

/// Why a table is walked.
public enum WalkPurpose: String, Hashable, Sendable {
    /// Journals what differs: existence, business, liveness, version where there is a column.
    case compare
    /// Journals rows that were there before their table was hooked: known, not new.
    case adopt
    /// Journals every row: the hooks were gone, and a row's content may have changed without a trace.
    case retell

    /// Whether a walk for `self` does what a walk for `other` would have done.
    func includes(_ other: WalkPurpose) -> Bool {
        switch self {
        case .retell: true
        case .adopt: other != .retell
        case .compare: other == .compare
        }
    }
}

/// A place within a walk.
struct WalkPlace {
    enum Side: Int { case table, state }
    var side = Side.table
    /// The last key done on this side; nil: none.
    var walked: WalkedKey?
}

/// The SQL of one table's walk. A value.
struct TableWalk {
    let entity: EntityDefinition
    let purpose: WalkPurpose
    private let writesVersionBack: Bool
    /// The table may have been dropped: then no row stands behind any state row.
    private let hasTable: Bool
    private let number: UInt8
    private let table: String
    private let key: String
    private let business: String
    private let isLive: String

    init(_ entity: EntityDefinition, for purpose: WalkPurpose, writesVersionBack: Bool, hasTable: Bool = true)
    {
        self.entity = entity
        self.purpose = purpose
        self.writesVersionBack = writesVersionBack
        self.hasTable = hasTable
        number = entity.number.rawValue
        table = quoted(entity.table)
        key = "t.\(quoted(entity.keyColumn))"
        switch entity.business {
        case .column(let column): business = "t.\(quoted(column))"
        case .fixed(let fixed): business = HookGenerator.literal(fixed)
        }
        isLive = entity.deletedAtColumn.map { "t.\(quoted($0)) IS NULL" } ?? "1"
    }

    /// The end of the next window, and how many keys it holds; nil: this side is done.
    func windowEnd(_ place: WalkPlace, rows: Int, _ db: Database) throws -> (end: WalkedKey, rows: Int)? {
        let from: String
        switch place.side {
        case .table:
            guard hasTable else { return nil }
            from = "\(key) AS k FROM \(table) t WHERE \(after(place, key)) AND \(key) IS NOT NULL"
        case .state:
            from = "id AS k FROM tidings_state WHERE entity = \(number) AND \(after(place, "id"))"
        }
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(WalkedKey.columns(of: "max(k)")), count(*)
                FROM (SELECT \(from) ORDER BY 1 LIMIT :rows)
                """)
        var arguments: StatementArguments = ["rows": rows]
        if let walked = place.walked { arguments += ["walked": walked.value] }
        let row = try Row.fetchOne(statement, arguments: arguments)
        return row.flatMap { row in WalkedKey(row, at: 0).map { ($0, row[2]) } }
    }

    /// How many records differ in the window.
    func count(_ place: WalkPlace, to end: WalkedKey, _ db: Database) throws -> Int {
        let statement = try db.cachedStatement(sql: "SELECT count(*) FROM (\(differences(place, end)))")
        return try Int.fetchOne(statement, arguments: arguments(place, end)) ?? 0
    }

    /// Journals them. Returns how many.
    func journal(_ place: WalkPlace, to end: WalkedKey, _ db: Database) throws -> Int {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO tidings_journal(entity, business, id, op, version, was)
                \(differences(place, end))
                """)
        try statement.execute(arguments: arguments(place, end))
        let journaled = db.changesCount
        if journaled > 0, place.side == .table { try writeVersionsBack(place, to: end, db) }
        return journaled
    }

    // MARK: Parts

    private func after(_ place: WalkPlace, _ key: String) -> String {
        place.walked.map { "\(key) > \($0.sql("walked"))" } ?? "1"
    }

    private func arguments(_ place: WalkPlace, _ end: WalkedKey) -> StatementArguments {
        var arguments: StatementArguments = ["end": end.value]
        if let walked = place.walked { arguments += ["walked": walked.value] }
        return arguments
    }

    private func differences(_ place: WalkPlace, _ end: WalkedKey) -> String {
        switch place.side {
        case .table: untold(place, end)
        case .state: ended(place, end)
        }
    }

    /// Living rows of somebody that the state index does not tell of, or not as they are.
    private func untold(_ place: WalkPlace, _ end: WalkedKey) -> String {
        let version = entity.versionColumn.map { "t.\(quoted($0))" }
        let isChanged: String =
            switch (purpose, version) {
            case (.retell, _): "1"
            case (.adopt, _), (_, nil): "0"
            // Attached, the state index may well be ahead: the column is never written.
            case (.compare, .some(let version)):
                writesVersionBack
                    ? "\(version) IS NOT s.version" : "\(HookGenerator.version(version)) > s.version"
            }
        let last = "(SELECT max(version) FROM tidings_state WHERE entity = \(number) AND id = +\(key))"
        return """
            SELECT \(number), \(business), \(key),
              CASE s.dead WHEN 0 THEN 2 WHEN 1 THEN 4 ELSE \(purpose == .adopt ? 5 : 1) END,
              max(\(HookGenerator.version(version)), 1 + coalesce(\(last), 0)),
              CASE s.dead WHEN 0 THEN s.version END
            FROM \(table) t LEFT JOIN tidings_state s
              ON s.entity = \(number) AND s.id = +\(key) AND s.business = +\(business)
            WHERE \(after(place, key)) AND \(key) <= \(end.sql("end")) AND \(isLive) AND \(business) IS NOT NULL
              AND \(HookGenerator.isKey(key)) AND (s.dead IS NOT 0 OR \(isChanged))
            ORDER BY \(key)
            """
    }

    /// Live state rows without a living row of that business.
    private func ended(_ place: WalkPlace, _ end: WalkedKey) -> String {
        let row =
            hasTable
            ? """
            AND NOT EXISTS(SELECT 1 FROM \(table) t
                WHERE \(key) = s.id AND \(isLive) AND s.business IS \(business)
                  AND \(HookGenerator.isKey(key)))
            """ : ""
        return """
            SELECT \(number), s.business, s.id, 3, s.version + 1, s.version FROM tidings_state s
            WHERE s.entity = \(number) AND s.dead = 0 AND \(after(place, "s.id")) AND s.id <= \(end.sql("end"))
              \(row)
            ORDER BY s.id
            """
    }

    private func writeVersionsBack(_ place: WalkPlace, to end: WalkedKey, _ db: Database) throws {
        guard writesVersionBack, let column = entity.versionColumn.map(quoted) else { return }
        let last = "(SELECT max(version) FROM tidings_state WHERE entity = \(number) AND id = +\(key))"
        let statement = try db.cachedStatement(
            sql: """
                UPDATE \(table) AS t SET \(column) = coalesce(\(last), t.\(column))
                WHERE \(after(place, key)) AND \(key) <= \(end.sql("end"))
                  AND t.\(column) IS NOT coalesce(\(last), t.\(column))
                """)
        try statement.execute(arguments: arguments(place, end))
    }
}
