// Writes behind the hooks: what an audit finds and journals, and what installing refuses.

import Domain
import Foundation
import GRDB
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct AuditTests {
    /// The catalogue of the fixture without its `replace` keys: nobody told of them.
    static let undeclared = AttachedFixture.yaml
        .replacingOccurrences(of: "    replace: [[barcode]]\n", with: "")
        .replacingOccurrences(of: "    replace: [[number]]\n", with: "")

    @Test func aReplaceThroughAnUndeclaredKeyIsFound() throws {
        let fixture = try AttachedFixture(yaml: Self.undeclared)
        try fixture.write(MigrationTests.rows)
        #expect(try fixture.differences() == [])
        try fixture.write(
            "INSERT OR REPLACE INTO items(code,barcode,name) VALUES('new','x','takes a''s place'); INSERT OR REPLACE INTO orders(id,number) VALUES(9,'o2');"
        )
        #expect(try fixture.differences().sorted() == ["3 a is a ghost", "5 2 is a ghost"])
        let looked = try fixture.installer.audit(repairs: false)
        #expect(looked.map(\.differing) == [1, 1])
        #expect(try fixture.differences().count == 2, "a dry run journals nothing")
        #expect(try fixture.installer.audit(repairs: true).map(\.differing) == [1, 1])
        #expect(try fixture.differences() == [])
        #expect(try fixture.installer.audit(repairs: true).map(\.differing) == [0, 0])
    }

    @Test func theKeeperAuditsInSmallSteps() throws {
        let fixture = try AttachedFixture(yaml: Self.undeclared)
        try fixture.write(MigrationTests.rows)
        try fixture.write("INSERT OR REPLACE INTO items(code,barcode) VALUES('new','x');")
        let keeper = fixture.keeper()
        #expect(try keeper.verify() == [])
        #expect(try keeper.work() == .rest)
        while try !keeper.look() {}
        #expect(keeper.report.passes == 1)
        #expect(keeper.report.repaired == 1)
        #expect(try fixture.differences() == [])
    }

    @Test func aDroppedTriggerIsPutBackAndItsTableToldAnew() throws {
        let fixture = try AttachedFixture()
        try fixture.write(MigrationTests.rows)
        #expect(try fixture.differences() == [])
        try fixture.write(
            "DROP TRIGGER tidings_items_u; UPDATE items SET name='nobody heard' WHERE code='b';")
        #expect(try fixture.installer.status().missing == ["tidings_items_u"])
        let keeper = fixture.keeper()
        #expect(try keeper.verify() == ["tidings_items_u"])
        while try keeper.work() != .rest {}
        #expect(try fixture.differences() == [])
        #expect(keeper.report.retold == 3)
    }

    /// In the embedded shop the version column tells of changed contents too.
    @Test func aVersionBehindTheHooksIsFound() throws {
        let fixture = try HookFixture()
        try fixture.write(HookTests.before)
        let hook = try #require(
            try fixture.one("SELECT sql FROM sqlite_master WHERE name='tidings_products_u'"))
        try fixture.write(
            "DROP TRIGGER tidings_products_u; UPDATE products SET name='q', version=99 WHERE id=2; UPDATE products SET version=0 WHERE id=3; \(hook);"
        )
        let installer = fixture.shop.installer(try fixture.shop.file.open(.writer))
        #expect(try installer.status().isInStep)
        #expect(try fixture.differences() != [])
        let found = try installer.audit(repairs: true).filter { $0.differing > 0 }
        #expect(found.map(\.entity.text) == ["products"])
        #expect(try fixture.differences() == [])
        #expect(try fixture.count("SELECT version FROM products WHERE id=2") >= 99)
    }

    @Test func whatCannotBeFollowedIsRefused() throws {
        let fixture = try AttachedFixture(
            schema: """
                CREATE TABLE items(code TEXT PRIMARY KEY, barcode TEXT, name TEXT, price) WITHOUT ROWID;
                CREATE TABLE orders(id INTEGER, number TEXT, note TEXT, placed_at TEXT);
                """, installs: false)
        let refusal = #expect(throws: CatalogueMismatch.self) { try fixture.installer.install() }
        #expect(
            refusal?.problems == [
                "there is no table order_lines", "not covered: items: it is WITHOUT ROWID",
                "not covered: orders: id is neither its primary key nor unique",
            ] || refusal?.problems.count == 2)
        #expect(try fixture.count("SELECT count(*) FROM sqlite_master WHERE name LIKE 'tidings%'") == 0)
    }

    @Test func aFileThatIsNotInWALIsRefusedOrConverted() throws {
        let fixture = try AttachedFixture(installs: false, mode: "DELETE")
        #expect(throws: NotWAL.self) { try fixture.installer.install() }
        try fixture.installer.install(convertsToWAL: true)
        #expect(try fixture.installer.status().isInStep)
    }

    @Test func removeLeavesTheApplicationAsItWas() throws {
        let fixture = try AttachedFixture(installs: false)
        let before = try fixture.one("SELECT group_concat(sql, ';') FROM sqlite_master")
        try fixture.installer.install()
        #expect(try fixture.one("SELECT group_concat(sql, ';') FROM sqlite_master") != before)
        try fixture.installer.remove()
        #expect(
            try fixture.one("SELECT group_concat(sql, ';') FROM sqlite_master WHERE name<>'sqlite_sequence'")
                == before)
    }
}
