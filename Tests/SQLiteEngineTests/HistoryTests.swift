// Which openings are the same history: what a crash of the machine can take, and what gives it away.

import Domain
import Foundation
import Journal
import Lanes
import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct HistoryTests {
    private let ledger = TotalsLedger(
        TotalsLedger.Book(at: Head(epoch: Epoch(0), seq: .zero, nonce: .none)))

    private func source(_ fixture: HookFixture, boot: String, everyWriterWaits: Bool) -> SQLiteChangeSource {
        SQLiteChangeSource(
            file: fixture.shop.file, catalogue: fixture.catalogue, ledger: ledger,
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

    /// Each read proves that it goes on where the one before ended, and is owed until it can.
    @Test(arguments: [
        ("DELETE FROM tidings_journal", "the journal ends before what was served"),
        ("DELETE FROM tidings_journal; INSERT INTO brands(business_id,name) VALUES(1,'b')", "is gone"),
        ("UPDATE tidings_journal SET nonce = nonce + 1", "is another one"),
        ("UPDATE tidings_meta SET value = '00000000000a' WHERE key = 'epoch'", "the stored epoch"),
        ("DELETE FROM tidings_meta WHERE key = 'epoch'", "no tidings journal"),
    ])
    func whatFollowsAnotherHistoryIsNotRead(_ change: String, _ why: String) throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'a');")
        let source = source(fixture, boot: "a", everyWriterWaits: true)
        let head = try source.open()
        func read() throws -> Head? {
            try source.read(after: head, interest: Interest(), rowsMax: 100)?.head
        }
        #expect(try read() == head)
        #expect(try read() == nil, "nothing was committed since")
        try fixture.write(change + ";")
        for _ in 0..<2 {
            #expect { try read() } throws: {
                (($0 as? HistoryChanged)?.why ?? "\($0)").contains(why)
            }
        }
    }

    /// Before the first change there is no row to prove it by.
    @Test func anEmptyJournalIsKnownByItsEpoch() throws {
        let fixture = try HookFixture()
        let source = source(fixture, boot: "a", everyWriterWaits: true)
        let head = try source.open()
        try #require(head.seq == .zero)
        #expect(try source.read(after: head, interest: Interest(), rowsMax: 100)?.head == head)
        try fixture.write("UPDATE tidings_meta SET value = '00000000000a' WHERE key = 'epoch';")
        #expect(throws: HistoryChanged.self) {
            try source.read(after: head, interest: Interest(), rowsMax: 100)
        }
    }

    /// A restore has named its history already: whoever opens it, running on or started anew, keeps that
    /// name, also when it was restored twice meanwhile.
    @Test(arguments: [(true, 1), (false, 1), (true, 2), (false, 2)])
    func aRestoreBeginsOneHistory(_ isRunning: Bool, _ restores: Int) throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'a');")
        let kept = fixture.path + ".kept"
        try Backup.write(fixture.shop.file, to: kept) { _, _ in }
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'lost');")
        let running = source(fixture, boot: "a", everyWriterWaits: true)
        let before = try running.open()
        for _ in 0..<restores { try Backup.restore(kept, over: fixture.shop.file) { _, _ in } }
        let named = try fixture.one(Self.storedEpoch)
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'after'),(1,'and more');")
        let opened = isRunning ? running : source(fixture, boot: "a", everyWriterWaits: true)
        let after = try opened.open()
        #expect(after.epoch != before.epoch && after.epoch.description == named)
        #expect(try opened.open() == after && fixture.one(Self.storedEpoch) == named)
    }

    /// A copy that was made before the restored history was opened says that it was never served. It is
    /// believed once.
    @Test func aCopyFromBeforeTheFirstOpeningIsNotBelievedLater() throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'a');")
        let (kept, copy) = (fixture.path + ".kept", fixture.path + ".copy")
        try Backup.write(fixture.shop.file, to: kept) { _, _ in }
        let source = source(fixture, boot: "a", everyWriterWaits: true)
        var names = [try source.open().epoch]
        try Backup.restore(kept, over: fixture.shop.file) { _, _ in }
        try fixture.write(".backup '\(copy)'")
        names.append(try source.open().epoch)
        for number in 0..<2 {
            try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'served \(number)');")
            names.append(try source.open().epoch)
            try fixture.write(".restore '\(copy)'")
            names.append(try source.open().epoch)
        }
        #expect(names[1] == names[2] && names[3] == names[4], "what is served on keeps its name")
        #expect(Set(names).count == 4, "\(names)")
    }

    private static let storedEpoch = "SELECT value FROM tidings_meta WHERE key='epoch'"

    /// A reader is ahead of the tailer when a backup that holds all the tailer has read is renamed over the
    /// file: nobody is answered from it until it is judged, and then it is another history.
    @Test func whatReadersToldMustBeInTheFileThatComesNext() throws {
        let fixture = try HookFixture()
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'a');")
        let source = source(fixture, boot: "a", everyWriterWaits: true)
        let read = try source.open()
        let reader = try SQLiteStateReader(
            file: fixture.shop.file, catalogue: fixture.catalogue, ledger: ledger, clock: .system)
        let scope = Scope(business: BusinessID(.integer(1)), entities: fixture.catalogue.wholeSet)
        let kept = fixture.path + ".kept"
        try fixture.write(".backup '\(kept)'")
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'told, then lost');")
        let told = try reader.firstPage(scope: scope, limit: 100).token
        #expect(told.epoch == read.epoch && told.pos > read.seq)

        for suffix in ["-wal", "-shm", ""] {
            try? FileManager.default.removeItem(atPath: fixture.path + suffix)
        }
        try FileManager.default.moveItem(atPath: kept, toPath: fixture.path)
        try fixture.write("INSERT INTO brands(business_id,name) VALUES(1,'another'),(1,'and more');")
        #expect(throws: HistoryChanged.self) { try reader.firstPage(scope: scope, limit: 100) }
        let judged = try source.open()
        #expect(judged.epoch != read.epoch)
        #expect(try reader.firstPage(scope: scope, limit: 100).token.epoch == judged.epoch)
        #expect(throws: Refusal(.epoch)) { try reader.page(after: told, scope: scope, limit: 100) }
    }
}
