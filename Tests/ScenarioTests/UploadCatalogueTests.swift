// Uploads as the catalogue may have them beside the embedded shop's: text keys, the policies
// `last_write_wins` and `reject`, one fixed business, hard and soft deletion. Into an application's database,
// which takes them only when told to.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct UploadCatalogueTests {
    /// Two tables with text keys: shelves, where the last one to write wins, and goods, which refer to them.
    private static let counter = AttachedApplication(
        schema: """
            CREATE TABLE shelves(code TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TEXT, updated_at TEXT,
              deleted_at TEXT);
            CREATE TABLE goods(code TEXT PRIMARY KEY, barcode TEXT UNIQUE, name TEXT,
              shelf TEXT REFERENCES shelves(code));
            """,
        catalogue: """
            entities:
              shelves:
                number: 1
                key: code
                key_type: text
                fixed_business: 7
                version: none
                default: true
                fields: [name]
                writable: {name: required|string|max:50}
                conflict: last_write_wins
              goods:
                number: 2
                key: code
                key_type: text
                fixed_business: 7
                version: none
                created_at: none
                updated_at: none
                deleted_at: none
                default: true
                fields: [barcode, name, shelf]
                replace: [[barcode]]
                writable: {barcode: string|max:20, name: required|string, shelf: exists:shelves}
                conflict: reject
            """)

    private let make = Uploader.operation

    private func till() throws -> Uploader {
        let daemon = try Daemon(["uploads.accept=always"], attachedTo: Self.counter)
        return try Uploader(daemon, business: 7, owner: try daemon.owner(of: 7), device: "till")
    }

    private func text(_ answer: UploadAnswer, _ index: Int) throws -> String {
        try #require(answer.results[index]["id"] as? String, "\(answer.json)")
    }

    @Test func recordsWithTextKeysAreMadeFoundAndReferredTo() throws {
        let till = try till()
        let stream = try OpenStream(till.daemon, token: till.token)
        _ = try #require(try stream.next("ready"))
        let shelf = make("create", "shelves", nil, ["name": "top"], [:])
        let reference = ["$ref": shelf["op_id"] ?? ""]
        let good = make("create", "goods", nil, ["name": "tea", "barcode": "1", "shelf": reference], [:])
        let first = try till.send([shelf, good])
        #expect(first.statuses == ["applied", "applied"] && first.version(1) == 1, "\(first.json)")
        let (shelfID, goodID) = (try text(first, 0), try text(first, 1))
        // RFC 9562: version 7, so that keys lie in the order of their making.
        #expect(
            try /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/.wholeMatch(in: goodID)
                != nil)
        #expect(try till.daemon.sql("SELECT code,shelf FROM goods;") == "\(goodID)|\(shelfID)")
        let event = try #require(try stream.next("change"))
        let origins = try #require(event.json["origins"] as? [String: [String: [String: String]]])
        #expect(origins["goods"]?[goodID] == ["device_id": "till", "op_id": good["op_id"] as? String ?? ""])

        // By id and by reference, in a later batch.
        try till.daemon.sql("INSERT INTO shelves(code,name) VALUES('5','five');")
        let second = try till.send([
            make("update", "goods", goodID, ["shelf": "5"], ["base_version": 1]),
            make("update", "goods", ["$ref": good["op_id"] ?? ""], ["name": "chai"], [:]),
            make("create", "goods", nil, ["name": "x", "shelf": "nowhere"], [:]),
            make("create", "goods", nil, ["name": "x", "shelf": 5], [:]),
            make("create", "goods", nil, ["name": "x", "barcode": "1"], [:]),
            make("update", "goods", 5, ["name": "x"], ["base_version": 1]),
            make("update", "goods", "no such", ["name": "x"], ["base_version": 1]),
            make("delete", "goods", goodID, nil, ["base_version": 2]),
        ])
        #expect(
            second.statuses == [
                "applied", "applied", "invalid", "invalid", "invalid", "rejected", "rejected", "conflict",
            ], "\(second.json)")
        #expect(second.errors(2)["shelf"]?.count == 1 && second.errors(3)["shelf"]?.count == 1)
        #expect(second.errors(4)["barcode"] == ["The barcode has already been taken."])
        let server = try #require(second.results[7]["server"] as? [String: Any])
        #expect(server["id"] as? String == goodID && server["name"] as? String == "chai")

        let again = try till.send([shelf, good])
        #expect(again.statuses == ["duplicate", "duplicate"])
        #expect(try text(again, 1) == goodID)
        #expect(
            try till.send([make("delete", "goods", goodID, nil, ["base_version": 3])]).statuses == ["applied"]
        )
        #expect(try till.daemon.sql("SELECT count(*) FROM goods;") == "0", "a table without soft deletion")
        #expect(try till.daemon.ask("GET", "/api/v1/goods/\(goodID)", token: till.token).status == 404)
        #expect(try till.daemon.ask("GET", "/api/v1/shelves/\(shelfID)", token: till.token).status == 200)
    }

    @Test func theLastOneToWriteWinsWhereTheCatalogueSaysSo() throws {
        let till = try till()
        try till.daemon.sql(
            """
            INSERT INTO shelves(code,name) VALUES('a','one');
            UPDATE shelves SET name='two';
            INSERT INTO goods(code,name) VALUES('g','one');
            UPDATE goods SET name='two';
            """)
        let answer = try till.send([
            make("update", "shelves", "a", ["name": "three"], ["base_version": 1]),
            make("update", "shelves", "a", ["name": "four"], [:]),
            make("update", "shelves", "a", ["name": "five"], ["base_version": 1, "base": ["name": "one"]]),
            // Nobody's change is merged where the policy is to reject.
            make("update", "goods", "g", ["name": "three"], ["base_version": 1, "base": ["name": "two"]]),
            make("update", "goods", "g", ["name": "three"], ["base": ["name": "two"]]),
            make("delete", "goods", "g", nil, [:]),
            make("delete", "shelves", "a", nil, [:]),
            make("delete", "shelves", "a", nil, [:]),
            make("update", "shelves", "a", ["name": "six"], [:]),
        ])
        #expect(
            answer.statuses == [
                "applied", "applied", "applied", "conflict", "invalid", "invalid", "applied", "applied",
                "conflict",
            ], "\(answer.json)")
        #expect(answer.version(2) == 5 && answer.error(3) == "conflict" && answer.error(8) == "deleted")
        #expect(answer.errors(4)["base_version"]?.count == 1 && answer.errors(5)["base_version"]?.count == 1)
        #expect(
            try till.daemon.sql("SELECT name,deleted_at IS NULL FROM shelves; SELECT name FROM goods;")
                == "five|0\ntwo")
    }

    /// A till's queue is never stuck behind what a migration took away.
    @Test func aColumnThatAMigrationDropsStopsNoUpload() throws {
        let till = try till()
        try till.daemon.sql(
            """
            INSERT INTO shelves(code,name) VALUES('a','one'),('b','two'); INSERT INTO goods(code,name) VALUES('g','tea');
            PRAGMA foreign_keys=OFF; BEGIN; CREATE TABLE rebuilt(code TEXT PRIMARY KEY, name TEXT NOT NULL);
            INSERT INTO rebuilt SELECT code,name FROM shelves; DROP TABLE shelves; ALTER TABLE rebuilt RENAME TO shelves;
            CREATE TABLE rebuilt(code TEXT PRIMARY KEY, name TEXT, shelf TEXT REFERENCES shelves(code));
            INSERT INTO rebuilt SELECT code,name,shelf FROM goods; DROP TABLE goods; ALTER TABLE rebuilt RENAME TO goods;
            COMMIT;
            """)
        let isHooked = try waitFor(seconds: 30) {
            try till.daemon.sql(
                """
                SELECT count(DISTINCT tbl_name) || (SELECT count(purpose) FROM tidings_hooked) FROM sqlite_master
                WHERE name LIKE 'tidings%_u' AND tbl_name IN ('goods', 'shelves');
                """) == "20" ? true : nil
        }
        #expect(isHooked == true)
        let version = try #require(
            Int(try till.daemon.sql("SELECT version FROM tidings_state WHERE id='g';")))
        let answer = try till.send([
            make("create", "shelves", nil, ["name": "three"], [:]),
            make("update", "shelves", "a", ["name": "four"], [:]),
            make("update", "goods", "g", ["shelf": "a"], ["base_version": version]),
            make("delete", "shelves", "b", nil, [:]),
            make("update", "goods", "g", ["barcode": "1"], ["base_version": version + 1]),
        ])
        try #require(
            answer.statuses == ["applied", "applied", "applied", "applied", "invalid"], "\(answer.json)")
        #expect(answer.errors(4)["barcode"] == ["The barcode field is no longer there."])
        #expect(
            try till.daemon.sql("SELECT group_concat(name) FROM shelves WHERE code IN ('a','b');") == "four")
    }

    @Test func theTablesOfOneBusinessAreNoOtherBusinesss() throws {
        let till = try till()
        let other = try Uploader(
            till.daemon, business: 8, owner: try till.daemon.owner(of: 8), device: "foreign")
        let strange = try other.send([make("create", "shelves", nil, ["name": "mine"], [:])])
        #expect(strange.statuses == ["rejected"] && strange.error(0) == "not_writable")
        #expect(try till.daemon.sql("SELECT count(*) FROM shelves;") == "0")
    }
}
