// An application's own triggers beside the hooks, made after them: whatever they do to a row, nothing crosses
// from one business to another, and the state index becomes right.

import Domain
import Foundation
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct ForeignTriggerTests {
    /// They write again the row that was just written.
    static let triggers = """
        CREATE TRIGGER app_assign AFTER INSERT ON things WHEN NEW.owner IS NOT NULL BEGIN
          UPDATE things SET business_id = NEW.owner WHERE id = NEW.id; END;
        CREATE TRIGGER app_trash AFTER INSERT ON things WHEN NEW.name = 'trash' BEGIN
          UPDATE things SET deleted_at = '2026-01-01' WHERE id = NEW.id; END;
        CREATE TRIGGER app_drop AFTER INSERT ON things WHEN NEW.name = 'drop' BEGIN
          DELETE FROM things WHERE id = NEW.id; END;
        CREATE TRIGGER app_stop AFTER INSERT ON things WHEN NEW.name = 'stop' BEGIN SELECT RAISE(IGNORE); END;
        CREATE TRIGGER app_move AFTER UPDATE OF name ON things WHEN NEW.name = 'move' BEGIN
          UPDATE things SET business_id = 2 WHERE id = NEW.id; END;
        CREATE TRIGGER app_keep AFTER DELETE ON things WHEN OLD.name = 'keep' BEGIN
          INSERT INTO things(id, business_id, name) VALUES(OLD.id, 2, 'kept of 2'); END;
        """
    /// Every one of them has its turn. Names of what is business 2's say so.
    static let writes = """
        INSERT INTO things(id,business_id,name,owner) VALUES(1,1,'assigned to 2',2);
        INSERT INTO things(id,business_id,name) VALUES(2,1,'trash'),(3,1,'drop'),(4,1,'stop'),(5,1,'moves of 2'),(6,1,'keep');
        UPDATE things SET name = 'move' WHERE id = 5; UPDATE things SET name = 'moved to 2' WHERE id = 5;
        DELETE FROM things WHERE id = 6;
        """

    @Test func hooksThatAreNotTheNewestAreMadeAnew() throws {
        let application = try OddApplication()
        try application.write(Self.triggers)
        let older = try application.fixture.installer.status().different
        #expect(older.count == 8 && older.allSatisfy { $0.hasPrefix("tidings_things_") }, "\(older)")
        #expect(try application.keep().sorted() == older.sorted())
        #expect(try application.fixture.installer.status().isInStep)
        #expect(try application.keep() == [], "and are the newest now")
        try application.write(Self.writes)
        #expect(try application.differences() == [])
        let told = try application.fixture.one(
            "SELECT group_concat(id || ' of ' || business, ', ') FROM (SELECT * FROM tidings_state WHERE dead = 0 ORDER BY id)"
        )
        #expect(told == "1 of 2, 4 of 1, 5 of 2, 6 of 2")
    }

    /// Until the keeper has been there, and when it never comes.
    @Test func whatTheyMovedIsNobodyElsesEvenWhileTheIndexIsWrong() throws {
        let application = try OddApplication()
        try application.write(Self.triggers + Self.writes)
        #expect(try application.differences() != [], "or there is nothing to hold back")
        let streamed = try application.streamed()
        for said in [try application.handedOut(to: BusinessID(1)), streamed[BusinessID(1)] ?? ""] {
            for name in ["assigned to 2", "moved to 2", "kept of 2", "trash", "drop"] {
                #expect(!said.contains(name), "\(name) was handed to business 1")
            }
        }
        #expect(try application.handedOut(to: BusinessID(2)).contains("moved to 2"))
        #expect(streamed[BusinessID(2)]?.contains("moved to 2") == true)
        #expect(try !application.keep().isEmpty)
        #expect(try application.differences() == [], "and it becomes right")
        #expect(try application.handedOut(to: BusinessID(2)).contains("assigned to 2"))
        for business in [BusinessID(1), BusinessID(2)] {
            let counted = try application.totals(of: business).values.reduce(0, +)
            #expect(try application.fullCount(of: business) == counted)
        }
    }

    /// The table has no version by which a comparison could find what the hooks did not tell.
    @Test func whatATriggerKeptTheHooksFromTellingIsTold() throws {
        let fixture = try AttachedFixture()
        try fixture.write("INSERT INTO items(code,name) VALUES('a','one'),('b','two');")
        #expect(try fixture.differences() == [])
        try fixture.write(
            """
            CREATE TRIGGER app_quiet AFTER UPDATE ON items WHEN NEW.name = 'three' BEGIN SELECT raise( ignore ); END;
            UPDATE items SET name = 'three' WHERE code = 'a';
            """)
        let keeper = fixture.keeper()
        #expect(try !keeper.verify().isEmpty)
        while try keeper.work() != .rest {}
        #expect(try fixture.differences() == [])
        #expect(keeper.report.retold == 2)
        // Any other trigger lets them run: the rows need not be told anew.
        try fixture.write(
            "CREATE TRIGGER app_log AFTER UPDATE ON orders BEGIN UPDATE orders SET note = 'x' WHERE 0; END; INSERT INTO orders(id) VALUES(1);"
        )
        #expect(try !keeper.verify().isEmpty)
        while try keeper.work() != .rest {}
        #expect(keeper.report.retold == 2)
    }

    @Test func aTriggerOnAnotherTableIsNoReason() throws {
        let application = try OddApplication()
        try application.write(
            "CREATE TABLE log(x); CREATE TRIGGER app_log AFTER INSERT ON log BEGIN DELETE FROM log; END;")
        #expect(try application.fixture.installer.status().isInStep)
    }
}
