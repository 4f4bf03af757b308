// Applications migrate: tables are rebuilt, renamed, dropped, and their triggers go with them without a word.
// Whatever was written meanwhile is told once the hooks are back.

import Domain
import Foundation
import GRDB
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct MigrationTests {
    /// As Laravel's and Django's migrations rebuild a table.
    static func rebuild(_ table: String, columns: String, copying: String) -> String {
        """
        BEGIN;
        CREATE TABLE __temp__\(table)(\(columns));
        INSERT INTO __temp__\(table) SELECT \(copying) FROM \(table);
        DROP TABLE \(table);
        ALTER TABLE __temp__\(table) RENAME TO \(table);
        COMMIT;
        """
    }

    static let rows = """
        INSERT INTO items(code,barcode,name,price) VALUES('a','x','A',1.5),('b','y','B',2),('c',NULL,'C',3);
        INSERT INTO orders(id,number,note) VALUES(1,'o1','first'),(2,'o2','second');
        INSERT INTO order_lines(order_id,place,item,quantity) VALUES(1,1,'a',2),(1,2,'b',1),(2,1,'a',5);
        """

    /// Restores and walks until nothing is pressing.
    private func keep(_ keeper: HookKeeper) throws -> [String] {
        let made = try keeper.verify()
        while try keeper.work() != .rest {}
        return made
    }

    @Test(arguments: [true, false])
    func aRebuiltTableIsHookedAgainAndToldWhole(foreignKeys: Bool) throws {
        let fixture = try AttachedFixture()
        try fixture.write(Self.rows)
        #expect(try fixture.differences() == [])
        let before = try fixture.journalRows
        // The migration changes what it copies, and the application goes on before anybody has noticed.
        try fixture.write(
            Self.rebuild(
                "items",
                columns:
                    "code TEXT PRIMARY KEY, barcode TEXT UNIQUE, name VARCHAR(80), price NUMERIC, secret TEXT",
                copying: "code, barcode, upper(name)||'!', price, secret")
                    + """
                    UPDATE items SET price=9 WHERE code='a'; DELETE FROM items WHERE code='c';
                    INSERT INTO items(code) VALUES('new');
                    """,
            foreignKeys: foreignKeys)
        #expect(try fixture.installer.status().missing.count == 8, "the hooks of items are gone")
        #expect(try fixture.differences() != [], "or there would be nothing to put right")
        let keeper = fixture.keeper()
        #expect(try keep(keeper).count == 8)
        #expect(try fixture.installer.status().isInStep)
        #expect(try fixture.differences() == [])
        #expect(try fixture.journalRows > before)
        #expect(
            try fixture.count(
                "SELECT count(*) FROM tidings_journal WHERE seq > \(before) AND entity = 3 AND id IN ('a','b')"
            )
                >= 2, "every row is told anew: nobody knows what its content was")
        #expect(keeper.report.restored == 8)
        #expect(keeper.report.reasons == [])
        try fixture.write("UPDATE items SET name='z' WHERE code='b';")
        #expect(try fixture.differences() == [], "and the new hooks work")
    }

    @Test(arguments: [true, false])
    func aRebuiltParentAndARebuiltChildConverge(foreignKeys: Bool) throws {
        let fixture = try AttachedFixture()
        try fixture.write(Self.rows)
        #expect(try fixture.differences() == [])
        // With foreign_keys on, dropping the parent deletes its children.
        try fixture.write(
            Self.rebuild(
                "orders", columns: "id INTEGER PRIMARY KEY, number TEXT UNIQUE, note TEXT, placed_at TEXT",
                copying: "*"), foreignKeys: foreignKeys)
        _ = try keep(fixture.keeper())
        #expect(try fixture.differences() == [])
        try fixture.write(
            Self.rebuild(
                "order_lines",
                columns:
                    """
                    order_id INTEGER NOT NULL, place INTEGER NOT NULL, item TEXT, quantity INTEGER,
                    serial TEXT UNIQUE, inner_note TEXT, PRIMARY KEY(order_id, place)
                    """,
                copying: "*")
                    + """
                    UPDATE order_lines SET quantity=77;
                    INSERT INTO order_lines(order_id,place,quantity) VALUES(2,3,4);
                    """,
            foreignKeys: foreignKeys)
        _ = try keep(fixture.keeper())
        #expect(try fixture.differences() == [])
        #expect(try fixture.installer.status().isInStep)
    }

    @Test func aColumnThatIsGoneFailsNoWriter() throws {
        let fixture = try AttachedFixture()
        try fixture.write(Self.rows)
        try fixture.write("ALTER TABLE items RENAME COLUMN name TO title;")
        let keeper = fixture.keeper()
        _ = try keep(keeper)
        #expect(keeper.report.reasons == ["there is no column items.name"])
        try fixture.write(
            "INSERT INTO items(code,title) VALUES('q','t'); UPDATE items SET barcode='w' WHERE code='q';")
        #expect(try fixture.count("SELECT version FROM tidings_state WHERE id='q'") == 2)
        try fixture.write("ALTER TABLE items RENAME COLUMN title TO name;")
        _ = try keep(keeper)
        #expect(keeper.report.reasons == [])
        #expect(try fixture.installer.status().isInStep)
        #expect(try fixture.differences() == [])
    }

    /// SQLite refuses while a trigger names the column. As docs/ATTACH.md says: in one transaction nobody
    /// else writes in between, and the keeper tells the table anew.
    @Test func aColumnIsDroppedBetweenItsHooks() throws {
        let fixture = try AttachedFixture()
        try fixture.write(Self.rows)
        let migration = "ALTER TABLE items DROP COLUMN price;"
        #expect(throws: HookFixture.WriterFailed.self) { try fixture.write(migration) }
        let drops = try fixture.write(
            """
            SELECT 'DROP TRIGGER "' || name || '";' FROM sqlite_master
            WHERE type = 'trigger' AND tbl_name = 'items' AND name LIKE 'tidings%';
            """)
        let rows = try fixture.journalRows
        try fixture.write(
            "BEGIN; \(drops) \(migration) COMMIT; UPDATE items SET name='unheard' WHERE code='a';")
        let keeper = fixture.keeper()
        #expect(try keep(keeper).count == 8)
        #expect(keeper.report.reasons == ["there is no column items.price"])
        #expect(try fixture.journalRows == rows + 3, "every row is told")
        try fixture.write(
            "UPDATE items SET name='heard' WHERE code='a'; INSERT INTO items(code) VALUES('z');")
        #expect(try fixture.journalRows == rows + 5)
    }

    @Test func withoutTheTriggerOfTheStateIndexAnotherHistoryBegins() throws {
        let fixture = try AttachedFixture()
        try fixture.write(Self.rows)
        let epoch = try fixture.one("SELECT value FROM tidings_meta WHERE key='epoch'")
        try fixture.write(
            "DROP TRIGGER tidings_apply; UPDATE items SET name='x'; DELETE FROM items WHERE code='c';")
        _ = try keep(fixture.keeper())
        #expect(try fixture.one("SELECT value FROM tidings_meta WHERE key='epoch'") != epoch)
        #expect(try fixture.count("SELECT dead FROM tidings_state WHERE id='c'") == 1)
        #expect(try fixture.count("SELECT count(*) FROM tidings_state WHERE dead=0") == 4)
    }

    @Test func aWalkThatWasCutGoesOnInAnotherProcess() throws {
        let fixture = try AttachedFixture(installs: false)
        try fixture.write(
            "INSERT INTO items(code,name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) SELECT 'c'||i, i FROM n;"
        )
        let first = fixture.keeper()
        _ = try first.verify()
        for _ in 0..<4 { _ = try first.work() }
        let done = try fixture.count("SELECT count(*) FROM tidings_state")
        #expect(done > 0 && done < 3_000, "\(done)")
        #expect(
            first.report.reasons == [
                "the rows of items are being journaled", "the rows of orders are being journaled",
            ])
        #expect(try fixture.installer.status().unfinished == ["items", "orders"])
        // Writers meanwhile, before and behind the place that was reached.
        try fixture.write(
            "INSERT INTO items(code) VALUES('a'),('zz'); UPDATE items SET name='u' WHERE code IN ('c1','c999'); DELETE FROM items WHERE code IN ('c2','c998');"
        )
        _ = try keep(fixture.keeper())
        #expect(try fixture.differences() == [])
        #expect(try fixture.count("SELECT count(*) FROM tidings_state WHERE dead=0") == 3_000)
        #expect(
            try fixture.count("SELECT count(DISTINCT seq) FROM tidings_state")
                == fixture.count("SELECT count(*) FROM tidings_state"))
        #expect(
            try fixture.count("SELECT count(*) FROM tidings_state WHERE id='c500' AND born=0") == 1,
            "an old row is not created now")
    }
}
