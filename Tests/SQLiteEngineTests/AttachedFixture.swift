// Somebody else's database: made by the sqlite3 shell, hooked with a catalogue, written by other processes.
// The comparison that every test ends with knows no hook: what a client may see of each record, against its
// version.

import Domain
import Foundation
import GRDB
import SQLiteEngine
import Settings
import Testing

/// An attached database. Used by one test.
final class AttachedFixture {
    let directory: URL
    let catalogue: EntityCatalogue
    let file: DatabaseFile
    let installer: HookInstaller
    let queue: DatabaseQueue
    private var seen: [RecordReference: (content: String, version: Int64)] = [:]

    /// A till's shop without a thought of syncing: text keys, second UNIQUE keys, an owned child with a
    /// composite key, no version, no times, no business.
    static let schema = """
        CREATE TABLE items(code TEXT PRIMARY KEY, barcode TEXT UNIQUE, name TEXT, price NUMERIC, secret TEXT);
        CREATE TABLE orders(id INTEGER PRIMARY KEY, number TEXT UNIQUE, note TEXT, placed_at TEXT);
        CREATE TABLE order_lines(order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE ON UPDATE CASCADE,
          place INTEGER NOT NULL, item TEXT REFERENCES items(code) ON DELETE SET NULL ON UPDATE CASCADE,
          quantity INTEGER, serial TEXT UNIQUE, inner_note TEXT, PRIMARY KEY(order_id, place));
        """
    static let yaml = """
        entities:
          items:
            number: 3
            key: code
            key_type: text
            fixed_business: 7
            version: none
            created_at: none
            updated_at: none
            deleted_at: none
            fields: [barcode, name, price: string]
            replace: [[barcode]]
          orders:
            number: 5
            fixed_business: 7
            version: none
            created_at: none
            updated_at: none
            deleted_at: none
            time_zone: Asia/Dhaka
            fields: [number, note, placed_at: timestamp]
            replace: [[number]]
            embed:
              lines:
                table: order_lines
                parent: order_id
                order: place
                fields: [place, item, quantity, serial]
                replace: [[order_id, place], [serial]]
        """

    init(
        schema: String = schema, yaml: String = yaml, installs: Bool = true, mode: String = "WAL"
    ) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-attached-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        catalogue = try CatalogueFile.parse(yaml, file: "entities.yaml")
        file = DatabaseFile(path: directory.appendingPathComponent("app.db").path)
        try HookFixture.run(
            "/usr/bin/sqlite3", ["-bail", file.path], input: "PRAGMA journal_mode=\(mode);\n" + schema)
        queue = try file.open(.reader)
        installer = HookInstaller(
            queue: try file.open(.writer), catalogue: catalogue,
            generator: HookGenerator(writesVersionBack: false))
        if installs { try installer.install() }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// A keeper as a gateway would have it.
    func keeper() -> HookKeeper { HookKeeper(file: file, catalogue: catalogue, writesVersionBack: false) }

    @discardableResult func write(_ sql: String, foreignKeys: Bool = true) throws -> String {
        try HookFixture.run(
            "/usr/bin/sqlite3", ["-bail", file.path],
            input: ".timeout 5000\nPRAGMA foreign_keys=\(foreignKeys ? "ON" : "OFF");\n" + sql)
    }

    func count(_ sql: String) throws -> Int { try queue.read { try Int.fetchOne($0, sql: sql) ?? 0 } }
    func one(_ sql: String) throws -> String? { try queue.read { try String.fetchOne($0, sql: sql) } }
    var journalRows: Int { get throws { try count("SELECT count(*) FROM tidings_journal") } }

    // MARK: Comparing

    /// What a client sees of the two entities, by key.
    private static let contents: [(entity: Int, sql: String)] = [
        (3, "SELECT code, json_array(barcode, name, price) FROM items"),
        (
            5,
            """
            SELECT id, json_array(number, note, placed_at, (SELECT json_group_array(line) FROM (
              SELECT json_array(place, item, quantity, serial) AS line FROM order_lines
              WHERE order_id = orders.id ORDER BY place))) FROM orders
            """
        ),
    ]

    /// What is wrong since the last call: a live record without a live state row or the other way round, a
    /// content that changed under the same version, a fold of the journal that counts otherwise.
    func differences() throws -> [String] {
        try queue.read { db in
            var wrong: [String] = []
            var now: [RecordReference: (content: String, version: Int64)] = [:]
            for (entity, sql) in Self.contents {
                guard let number = EntityNumber(entity) else { continue }
                let state = try Row.fetchAll(
                    db, sql: "SELECT id, version FROM tidings_state WHERE entity=? AND dead=0",
                    arguments: [entity])
                let versions = Dictionary(
                    uniqueKeysWithValues: state.map { (Self.key($0[0]), $0[1] as Int64) })
                var ids: Set<Key> = []
                for row in try Row.fetchAll(db, sql: sql) {
                    let record = RecordReference(entity: number, id: Self.key(row[0]))
                    ids.insert(record.id)
                    guard let version = versions[record.id] else {
                        wrong.append("\(entity) \(record.id) is there, and the state index does not know")
                        continue
                    }
                    now[record] = (row[1], version)
                    if let before = seen[record], before.content != row[1], before.version >= version {
                        wrong.append("\(entity) \(record.id) changed and is still version \(version)")
                    }
                }
                wrong += versions.keys.filter { !ids.contains($0) }.map { "\(entity) \($0) is a ghost" }
            }
            seen = now
            return wrong + (try folded(db))
        }
    }

    private static func key(_ value: DatabaseValue) -> Key {
        if case .int64(let number) = value.storage { return .integer(number) }
        return .text(String.fromDatabaseValue(value) ?? "?")
    }

    private func folded(_ db: Database) throws -> [String] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT entity, sum((op <> 3) - (was IS NOT NULL)),
                  (SELECT count(*) FROM tidings_state s WHERE s.entity = j.entity AND dead = 0)
                FROM tidings_journal j GROUP BY entity
                """)
        return rows.filter { ($0[1] as Int) != ($0[2] as Int) }.map {
            "the journal of \($0[0] as Int) folds to \($0[1] as Int), live are \($0[2] as Int)"
        }
    }
}
