// What retention may remove it removes, whatever else stands in the state index.

import Domain
import Foundation
import Journal
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct PurgerTests {
    /// SQLite sorts them between the others: a real behind integers, ill-formed text among texts.
    @Test func aBusinessThatIsNoKeyHoldsNobodysTombstonesBack() throws {
        let application = try OddApplication()
        try application.write(
            """
            INSERT INTO things(id,business_id) VALUES(1,1),(2,2.5),(3,'a'),(4,CAST(x'62FF' AS TEXT)),(5,'z');
            DELETE FROM things; INSERT INTO things(id,business_id) VALUES(6,1);
            """)
        _ = try application.streamed()
        let ages = Observations()
        ages.record(application.read, at: Timestamp(microseconds: 1))
        let rules = RetentionRules(
            journalAge: .seconds(1), journalRows: 1_000, tombstones: .seconds(1), maxOffline: .seconds(1))
        let limits = RetentionLimits(
            rules, served: application.read, now: Timestamp(microseconds: 60_000_000), ages: ages, holds: [:])
        let purger = Purger(file: application.fixture.file)
        var purged = 0
        while case let count = try purger.purgeTombstones(limits, rowsMax: 1), count > 0 { purged += count }
        #expect(purged == 3)
        #expect(
            try application.fixture.one("SELECT group_concat(id) FROM tidings_state WHERE dead = 1") == "2,4")
        #expect(try application.fixture.count("SELECT count(*) FROM tidings_floor") == 3)
    }
}
