// A shop database in a temporary place, written by other processes, and the comparison that every hook test
// ends with: state index and folded journal against the tables.

import Domain
import Foundation
import GRDB
import SQLiteEngine
import Settings
import Testing
import TidingsTesting

/// A hooked shop database. Used by one test.
final class HookFixture {
    /// Who writes.
    enum Writer: String, CaseIterable, Sendable {
        case shell, python, pythonRecursive
    }

    let directory: URL
    let catalogue: EntityCatalogue
    let shop: ShopDatabase
    let queue: DatabaseQueue
    var path: String { shop.file.path }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-hooks-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        catalogue = try CatalogueFile.embedded()
        shop = ShopDatabase(
            file: DatabaseFile(path: directory.appendingPathComponent("shop.db").path), catalogue: catalogue)
        try shop.create()
        queue = try shop.file.open(.reader)
        for name in ["one", "two"] { _ = try shop.createBusiness(named: name) }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    // MARK: Writing

    /// Runs statements in another process; a failing statement fails the test.
    @discardableResult func write(_ sql: String, by writer: Writer = .shell) throws -> String {
        try Self.write(sql, to: path, by: writer)
    }

    /// The same in any database.
    @discardableResult static func write(_ sql: String, to path: String, by writer: Writer) throws -> String {
        switch writer {
        case .shell:
            try run(
                "/usr/bin/sqlite3", ["-bail", path], input: ".timeout 5000\nPRAGMA foreign_keys=ON;\n" + sql)
        case .python: try python(sql, to: path, recursive: false)
        case .pythonRecursive: try python(sql, to: path, recursive: true)
        }
    }

    private static func python(_ sql: String, to path: String, recursive: Bool) throws -> String {
        let program = """
            import sqlite3, sys
            db = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
            db.execute("PRAGMA foreign_keys=ON")
            db.execute("PRAGMA recursive_triggers=\(recursive ? "ON" : "OFF")")
            statement = ""
            for part in sys.stdin.read().split(";"):
                statement += part + ";"
                if statement.strip(" ;\\n") and sqlite3.complete_statement(statement):
                    for row in db.execute(statement): print(*row, sep="|")
                    statement = ""
            """
        return try run("/usr/bin/env", ["python3", "-c", program, path], input: sql + "\n")
    }

    /// Runs a program to its end. Throws what it printed when it fails.
    @discardableResult static func run(
        _ program: String, _ arguments: [String], input: String
    ) throws -> String {
        let (status, output) = try runToEnd(program, arguments, input: input)
        let text = output.trimmingCharacters(in: .whitespacesAndNewlines)
        guard status == 0 else { throw WriterFailed(output: text) }
        return text
    }

    struct WriterFailed: Error, CustomStringConvertible {
        let output: String
        var description: String { output }
    }

    func one(_ sql: String) throws -> String? { try queue.read { try String.fetchOne($0, sql: sql) } }
    func count(_ sql: String) throws -> Int { try queue.read { try Int.fetchOne($0, sql: sql) ?? 0 } }
    var journalRows: Int { get throws { try count("SELECT count(*) FROM tidings_journal") } }

    // MARK: Comparing

    /// Everything that does not agree: nothing, if the hooks are right.
    func differences() throws -> [String] {
        try queue.read { db in
            var wrong: [String] = []
            let folded = try foldJournal(db, &wrong)
            for entity in catalogue.entities {
                let table = try Self.rows(
                    db,
                    """
                    SELECT business_id, id, version FROM \(entity.table)
                    WHERE deleted_at IS NULL AND business_id IS NOT NULL
                    """)
                let state = try Self.rows(
                    db,
                    "SELECT business, id, version FROM tidings_state WHERE entity = \(entity.number) AND dead = 0"
                )
                if table != state {
                    wrong.append(
                        "\(entity.name): table \(table.subtracting(state)) state \(state.subtracting(table))")
                }
                var counted: [Int64: Total] = [:]
                for row in table {
                    counted[row[0], default: Total()].fold(
                        id: .integer(row[1]), was: nil, operation: .created, version: row[2])
                }
                for business in Set(counted.keys).union(folded[entity.number]?.keys.map { $0 } ?? []) {
                    let expected = counted[business] ?? Total()
                    let found = folded[entity.number]?[business] ?? Total()
                    if expected != found {
                        wrong.append("\(entity.name) of \(business): folded \(found), counted \(expected)")
                    }
                }
            }
            return wrong
        }
    }

    private static func rows(_ db: Database, _ sql: String) throws -> Set<[Int64]> {
        Set(try Row.fetchAll(db, sql: sql).map { [$0[0], $0[1], $0[2]] })
    }

    /// The journal alone: totals, and that versions grow over every life of a record.
    private func foldJournal(_ db: Database, _ wrong: inout [String]) throws -> [EntityNumber: [Int64: Total]]
    {
        var totals: [EntityNumber: [Int64: Total]] = [:]
        var versions: [String: Int64] = [:]
        var last: [String: Int64] = [:]
        let rows = try Row.fetchAll(
            db, sql: "SELECT seq, entity, business, id, op, version, was FROM tidings_journal ORDER BY seq")
        for row in rows {
            guard let entity = EntityNumber(row["entity"]), let operation = Operation(rawValue: row["op"])
            else {
                wrong.append("a journal row of no entity or operation")
                continue
            }
            let (business, id, version) = (
                row["business"] as Int64, row["id"] as Int64, row["version"] as Int64
            )
            totals[entity, default: [:]][business, default: Total()].fold(
                id: .integer(id), was: row["was"], operation: operation, version: version)
            let record = "\(entity)/\(id)/\(business)"
            if let before = versions[record], version <= before {
                wrong.append("\(record): version \(version) after \(before)")
            }
            versions[record] = version
            last[record] = row["seq"]
        }
        for row in try Row.fetchAll(db, sql: "SELECT seq, entity, business, id FROM tidings_state") {
            let record = "\(row["entity"] as Int)/\(row["id"] as Int64)/\(row["business"] as Int64)"
            if last[record] != row["seq"] {
                wrong.append("\(record): state stands at another row than the journal")
            }
        }
        return totals
    }
}
