// Which openings are the same history: what a crash of the machine can take, and what gives it away.

import Domain
import Foundation
import Journal
import SQLiteEngine
import Testing

@Suite struct HistoryTests {
    private func source(_ fixture: HookFixture, boot: String, everyWriterWaits: Bool) -> SQLiteChangeSource {
        SQLiteChangeSource(
            file: fixture.shop.file, catalogue: fixture.catalogue,
            ledger: TotalsLedger(TotalsLedger.Book(at: Head(epoch: Epoch(0), seq: .zero, nonce: .none))),
            sidePath: fixture.path + ".served",
            crashes: CrashRule(boot: boot, everyWriterWaits: everyWriterWaits))
    }

    /// boot before, boot after, clean end, every writer waits → same history
    @Test(arguments: [
        ("a", "a", false, false, true), ("a", "b", false, true, true), ("a", "b", false, false, false),
        ("a", "b", true, false, true), ("", "", false, false, false), ("", "", false, true, true),
    ])
    func afterARebootOnlyWhoWaitedForTheDiskIsBelieved(
        _ before: String, _ after: String, _ isClean: Bool, _ everyWriterWaits: Bool, _ isSame: Bool
    ) throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'a'),(1,'b');")
        let first = source(fixture, boot: before, everyWriterWaits: everyWriterWaits)
        let head = try first.open()
        try first.remember(head, clean: isClean)
        let again = try source(fixture, boot: after, everyWriterWaits: everyWriterWaits).open()
        #expect((again.epoch == head.epoch) == isSame)
        #expect(again.seq == head.seq && again.nonce == head.nonce, "the rows are as they were")
    }

    /// The power cut itself: what was served last is not in the file, and others wrote in its place.
    @Test(arguments: [0, 1, 2, 5]) func lostCommitsAreNoticedWhateverIsBelieved(_ later: Int) throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'a');")
        let kept = fixture.path + ".kept"
        try fixture.write(".backup '\(kept)'")
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'served, then lost'),(1,'too');")
        let first = source(fixture, boot: "a", everyWriterWaits: true)
        let head = try first.open()
        try first.remember(head, clean: false)
        try fixture.write(".restore '\(kept)'")
        for number in 0..<later {
            try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'after \(number)');")
        }
        #expect(try source(fixture, boot: "a", everyWriterWaits: true).open().epoch != head.epoch)
    }
}
