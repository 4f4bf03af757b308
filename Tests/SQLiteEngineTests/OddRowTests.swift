// Odd rows in an application's database: no writer is failed by them, nobody is sent half of one, and nothing
// that clients compare stands still while a row changes.

import Domain
import Foundation
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct OddRowTests {
    private static let of1 = BusinessID(1)

    /// Legal beside a primary key that is no alias of rowid, and no key.
    @Test func whatIsNoKeyFailsNoWriterAndStandsNowhere() throws {
        let application = try OddApplication()
        try application.write(
            """
            INSERT INTO things(id,business_id,name,code) VALUES(NULL,1,'odd','n'),(NULL,1,'odd','m');
            INSERT INTO things(id,business_id,name) VALUES(1,1,'becomes odd'),(2,1,'even'),(1.5,1,'odd'),(x'01',1,'odd');
            INSERT INTO things(id,business_id,name) VALUES('t',1,'even text');
            INSERT INTO items(id,business_id,name) VALUES(NULL,1,'odd'),(x'0102',1,'odd'),('i',1,'even item');
            INSERT INTO items(id,business_id,name) VALUES(CAST(x'61ff62' AS TEXT),1,'odd'),(CAST(x'61fe62' AS TEXT),1,'odd');
            """)
        _ = try application.streamed()
        try application.write(
            """
            UPDATE things SET id=NULL, name='odd' WHERE id=1; UPDATE things SET name=name||' one', deleted_at=NULL;
            UPDATE items SET name=name||' one';
            INSERT OR REPLACE INTO things(id,business_id,name,code) VALUES(3,1,'even','N');
            UPDATE OR REPLACE things SET code='m' WHERE id=2; DELETE FROM things WHERE id IS NULL;
            """)
        #expect(try application.differences() == [])
        let said = try application.handedOut(to: Self.of1) + (application.streamed()[Self.of1] ?? "")
        #expect(!said.contains("odd") && said.contains("even text one") && said.contains("even item one"))
        #expect(try application.totals(of: Self.of1) == ["things": 3, "items": 1])
        #expect(try application.fullCount(of: Self.of1) == 4)
        // The walks agree with the hooks.
        #expect(try application.fixture.installer.audit(repairs: true).map(\.differing) == [0, 0])
        try application.write("DELETE FROM tidings_state; DELETE FROM tidings_hooked;")
        #expect(try application.keep() == [])
        #expect(try application.fullCount(of: Self.of1) == 4)
        #expect(
            try application.fixture.installer.rowsWithoutKey().map { "\($0.entity): \($0.count)" }
                == ["things: 2", "items: 4"])
    }

    /// As Swift Strings the first three would be other texts; no bytes at all would be bound as NULL.
    @Test(arguments: [
        "CAST(x'7A7AFC' AS TEXT)", "CAST(x'7A7A00' AS TEXT)", "CAST(x'00' AS TEXT)", "''", "x''", "x'00'",
        "-0.5",
    ])
    func aWalkEndsBehindWhateverKey(_ key: String) throws {
        let application = try OddApplication()
        try application.write(
            """
            INSERT INTO items(id,business_id,name) VALUES(\(key),1,'a'); DELETE FROM tidings_hooked;
            INSERT INTO things(id,business_id,name) VALUES(\(key),1,'a');
            """)
        _ = try application.keep()
        #expect(try application.fixture.installer.status().isInStep)
        let keeper = application.fixture.keeper()
        _ = try keeper.verify()
        for _ in 0..<100 where keeper.report.passes == 0 { _ = try keeper.look() }
        #expect(keeper.report.passes == 1 && keeper.report.repaired == 0, "\(keeper.report)")
        // On the side of the state index, the same keys stand alone.
        let names = try #require(
            try application.fixture.one(
                "SELECT group_concat('DROP TRIGGER [' || name || ']', ';') FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tidings_%_d'"
            ))
        try application.write("\(names); DELETE FROM things; DELETE FROM items;")
        #expect(try !application.keep().isEmpty)
        #expect(try application.fixture.count("SELECT count(*) FROM tidings_state WHERE dead = 0") == 0)
    }

    @Test func aVersionThatIsNoCountIsNotUsed() throws {
        let application = try OddApplication()
        func served(_ key: String) throws -> String? {
            try application.fixture.one(
                "SELECT version || ' ' || typeof(version) FROM tidings_state WHERE id = \(key)")
        }
        try application.write("INSERT INTO items(id,business_id,version) VALUES('i',1,'2.0.1-beta');")
        #expect(try served("'i'") == "1 integer")
        try application.write("UPDATE items SET name='changed';")
        #expect(try served("'i'") == "2 integer")
        for odd in ["'abc'", "7.5", "x'09'", "-3", "9007199254740993", "9223372036854775807", "NULL", "0"] {
            try application.write(
                "DELETE FROM things; INSERT INTO things(id,business_id,version,name) VALUES(1,1,\(odd),'a');")
            let before = try #require(
                try served("1")?.split(separator: " ").first.flatMap { Int($0) }, "\(odd)")
            try application.write("UPDATE things SET name='b';")
            #expect(try served("1") == "\(before + 1) integer" && before < 100, "\(odd)")
            #expect(
                try application.fixture.installer.audit(repairs: true).map(\.differing) == [0, 0], "\(odd)")
        }
        try application.write("UPDATE things SET version=1767225600000000;")
        #expect(try served("1") == "1767225600000000 integer", "microseconds still grow, and can be counted")
    }

    @Test func inTheShopAnOddVersionIsWrittenOver() throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(id,business_id,name) VALUES(1,1,'a'),(2,1,'b'),(3,1,'c');")
        try fixture.write(
            """
            UPDATE brands SET version='abc' WHERE id=1; UPDATE brands SET name='d' WHERE id=1;
            UPDATE brands SET version=9007199254740993 WHERE id=2; UPDATE brands SET version=7.5, name='x' WHERE id=3;
            """)
        #expect(try fixture.differences() == [])
        #expect(try fixture.one("SELECT group_concat(version) FROM brands") == "3,2,2")
    }

    /// The column compares with case, the index behind its key without: it says who is replaced.
    @Test(arguments: HookFixture.Writer.allCases)
    func aReplaceThroughAnIndexWithoutCaseLeavesNoGhost(_ writer: HookFixture.Writer) throws {
        let application = try OddApplication()
        try application.write(
            "INSERT INTO things(id,business_id,code) VALUES(1,1,'ABC'),(2,1,'DEF'),(3,1,'ghi'); INSERT INTO items(id,business_id) VALUES('i',1),('j',1); INSERT INTO item_lines(item,code) VALUES('i','X');"
        )
        let version = "SELECT version FROM tidings_state WHERE id='i'"
        #expect(try application.fixture.count(version) == 2)
        try HookFixture.write(
            """
            INSERT OR REPLACE INTO things(id,business_id,code) VALUES(9,1,'abc');
            UPDATE OR REPLACE things SET code='def' WHERE id=3;
            INSERT OR REPLACE INTO item_lines(item,code) VALUES('j','x');
            """, to: application.fixture.file.path, by: writer)
        #expect(try application.differences() == [])
        #expect(try application.fixture.count(version) > 2, "a child was taken from it")
        #expect(try application.fixture.installer.status().isInStep)
    }

    @Test func aChangeOfCaseIsAChange() throws {
        let application = try OddApplication()
        try application.write(
            "INSERT INTO things(id,business_id,name) VALUES(1,1,'tea'); INSERT INTO items(id,business_id) VALUES('i',1); INSERT INTO item_lines VALUES('i','a','x');"
        )
        _ = try application.streamed()
        try application.write("UPDATE things SET name='TEA'; UPDATE item_lines SET text='X';")
        let said = try #require(try application.streamed()[Self.of1])
        #expect(said.contains("\"TEA\"") && said.contains("\"X\""), "\(said)")
    }
}
