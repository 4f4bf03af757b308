// An application's database where what is odd may stand: keys that are none, versions that do not grow, keys
// compared without case, triggers of its own; and what its tills would be handed.

import Domain
import Foundation
import GRDB
import Journal
import Lanes
import SQLiteEngine
import Testing

/// An attached database of two tables, and a reader. Used by one test.
final class OddApplication {
    static let yaml = """
        entities:
          things:
            number: 1
            fields: [name, code]
            replace: [[code]]
          items:
            number: 2
            key_type: text
            fields: [name]
            embed:
              lines:
                table: item_lines
                parent: item
                fields: [code, text]
                replace: [[code]]
        """
    static let schema = """
        CREATE TABLE things(id INT PRIMARY KEY, business_id, version, name TEXT COLLATE NOCASE, code TEXT, owner,
          created_at TEXT, updated_at TEXT, deleted_at TEXT);
        CREATE UNIQUE INDEX things_code ON things(code COLLATE NOCASE);
        CREATE TABLE items(id TEXT PRIMARY KEY, business_id, version TEXT DEFAULT '1', name TEXT,
          created_at TEXT, updated_at TEXT, deleted_at TEXT);
        CREATE TABLE item_lines(item TEXT, code TEXT, text TEXT COLLATE NOCASE);
        CREATE UNIQUE INDEX item_lines_code ON item_lines(code COLLATE NOCASE);
        """

    let fixture: AttachedFixture
    private let source: SQLiteChangeSource
    private let reader: SQLiteStateReader
    /// How far `streamed` has read.
    private(set) var read: Head

    init() throws {
        fixture = try AttachedFixture(schema: Self.schema, yaml: Self.yaml)
        let ledger = TotalsLedger(TotalsLedger.Book(at: Head(epoch: Epoch(0), seq: .zero, nonce: .none)))
        source = SQLiteChangeSource(
            file: fixture.file, catalogue: fixture.catalogue, ledger: ledger,
            sidePath: fixture.file.path + ".served", crashes: .here(everyWriterWaits: true))
        reader = try SQLiteStateReader(
            file: fixture.file, catalogue: fixture.catalogue, ledger: ledger, clock: .system)
        read = try source.open()
    }

    func write(_ sql: String) throws { try fixture.write(sql) }

    /// Restores the hooks and walks until nothing is pressing. Returns what was made.
    func keep() throws -> [String] {
        let keeper = fixture.keeper()
        let made = try keeper.verify()
        for _ in 0..<1_000 where try keeper.work() == .rest { return made }
        throw HookFixture.WriterFailed(output: "the walks do not end")
    }

    // MARK: Comparing

    /// Live records of the state index that no row stands behind, and rows it does not tell of.
    func differences() throws -> [String] {
        try ["things", "items"].enumerated().flatMap { place, table in
            let rows = """
                SELECT id, business_id FROM \(table) WHERE deleted_at IS NULL AND business_id IS NOT NULL
                  AND typeof(id) IN ('integer', 'text')
                """
            let state = "SELECT id, business FROM tidings_state WHERE entity = \(place + 1) AND dead = 0"
            let told = try fixture.one(
                "SELECT group_concat(id || ' of ' || business) FROM (\(state) EXCEPT \(rows))")
            let untold = try fixture.one(
                "SELECT group_concat(id || ' of ' || business_id) FROM (\(rows) EXCEPT \(state))")
            return [told.map { "\(table): ghosts \($0)" }, untold.map { "\(table): untold \($0)" }]
                .compactMap(\.self)
        }
    }

    /// Every byte that a business's tills get at this moment, whichever way they ask.
    func handedOut(to business: BusinessID) throws -> String {
        let scope = Scope(business: business, entities: fixture.catalogue.wholeSet)
        var bytes = try reader.firstPage(scope: scope, limit: 1_000).encode(
            nameOf: fixture.catalogue.name(of:)
        ).bytes
        for format in [FullFormat.json, .lines] {
            _ = try reader.full(scope: scope, format: format) { bytes += $0 }
        }
        for id in try ids() {
            for entity in fixture.catalogue.wholeSet {
                bytes += try reader.record(id, of: entity, business: business, fields: nil)?.json ?? []
                bytes += try reader.records([id], of: entity, business: business).records.bytes
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What a stream of each business is sent of what was written since the last call.
    func streamed() throws -> [BusinessID: String] {
        let businesses = [BusinessID(1), BusinessID(2)]
        let interest = Interest(
            Dictionary(uniqueKeysWithValues: businesses.map { ($0, fixture.catalogue.wholeSet) }))
        guard let snapshot = try source.read(after: read, interest: interest, rowsMax: 1_000) else {
            return [:]
        }
        read = snapshot.head
        var sent: [BusinessID: String] = [:]
        for changes in snapshot.businesses {
            guard case .entities(let parts) = changes.content else { continue }
            for part in parts {
                for records in [part.created, part.updated] {
                    sent[changes.business, default: ""] +=
                        String(decoding: records.bytes, as: UTF8.self) + "\n"
                }
            }
        }
        return sent
    }

    /// Of the last page of a round from nothing.
    func totals(of business: BusinessID) throws -> [String: Int] {
        let scope = Scope(business: business, entities: fixture.catalogue.wholeSet)
        let parts = try reader.firstPage(scope: scope, limit: 1_000).entities
        return Dictionary(
            uniqueKeysWithValues: parts.map {
                (fixture.catalogue.name(of: $0.entity).text, $0.total?.live ?? -1)
            })
    }

    /// How many records a full download has.
    func fullCount(of business: BusinessID) throws -> Int {
        let scope = Scope(business: business, entities: fixture.catalogue.wholeSet)
        return try reader.full(scope: scope, format: .json) { _ in }.recordCount
    }

    private func ids() throws -> [Key] {
        try fixture.queue.read { db in
            try String.fetchAll(db, sql: "SELECT id FROM things WHERE typeof(id) = 'integer'").map(
                Key.init(parsing:))
        }
    }
}
