// Another history is always noticed: a backup put back in place, a file copied over, a file renamed over, a
// side file lost. And an unchanged database is never taken for another one.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct EpochTests {
    private func epoch(_ daemon: Daemon, _ token: String) throws -> String {
        try #require(try daemon.ask("GET", "/sync/full", token: token).json?["epoch"] as? String)
    }

    private func add(_ daemon: Daemon, _ business: Int, _ count: Int, _ name: String) throws {
        try daemon.sql(
            (0..<count).map { "INSERT INTO products(business_id,name) VALUES(\(business),'\(name) \($0)');" }
                .joined(separator: "\n"))
    }

    @Test func aRestartKeepsTheHistory() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        try add(daemon, business.id, 3, "a")
        let before = try epoch(daemon, business.token)
        for ends in [daemon.kill, { daemon.terminate() }] {
            ends()
            try add(daemon, business.id, 2, "while down")
            try daemon.start()
            #expect(try epoch(daemon, business.token) == before)
        }
    }

    /// `.restore` and `cp` keep the inode, and later writes lift the head past what was served.
    @Test(arguments: ["restore", "copy", "rename"])
    func aBackupPutBackBehindOurBackIsAnotherHistory(_ way: String) throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let till = try daemon.register("till", by: business.token)
        try add(daemon, business.id, 5, "before")
        let backup = daemon.directory.appendingPathComponent("backup.db").path
        try daemon.sql(".backup '\(backup)'")
        try add(daemon, business.id, 5, "lost")
        let before = try epoch(daemon, till)
        let old = try #require(
            try daemon.ask("GET", "/sync/full", token: till).json?["sync_token"] as? String)
        let stream = try OpenStream(daemon, token: till)
        _ = try stream.next("ready")
        switch way {
        case "restore": try daemon.sql(".restore '\(backup)'")
        case "copy":
            try daemon.sql("PRAGMA wal_checkpoint(TRUNCATE);")
            _ = try runToEnd("/bin/cp", [backup, daemon.database])
        default:
            try daemon.sql("PRAGMA wal_checkpoint(TRUNCATE);")
            for suffix in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: daemon.database + suffix)
            }
            _ = try runToEnd("/bin/mv", [backup, daemon.database])
        }
        // Overtake what was served: position alone would say that all is well.
        try add(daemon, business.id, 12, "after")
        let reset = try #require(try stream.next("reset", within: 15), "\(way): \(daemon.log().suffix(800))")
        #expect(reset.json["reason"] as? String == "epoch")
        let answer = try daemon.ask("GET", "/sync/changes?sync_token=\(old)", token: till)
        #expect(answer.status == 410 && answer.json?["reason"] as? String == "epoch")
        var copy = Till(entities: [])
        copy.full(try daemon.ask("GET", "/sync/full", token: till).body)
        #expect(copy.epoch != before)
        #expect(copy.violations.isEmpty, "\(copy.violations)")
        #expect(copy.copy["products"]?.count == 17)
        let fresh = try OpenStream(daemon, token: till, lastEventID: copy.token)
        _ = try #require(try fresh.next("ready"))
        try add(daemon, business.id, 1, "live again")
        #expect(try fresh.next("change") != nil)
    }

    /// A compacted copy with more in it, renamed over: the same history, and nothing of it passed over.
    @Test func aNewerCopyOfTheSameHistoryIsReadOn() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let till = try daemon.register("till", by: business.token)
        try add(daemon, business.id, 3, "before")
        let before = try epoch(daemon, till)
        let stream = try OpenStream(daemon, token: till)
        _ = try #require(try stream.next("ready"))
        let copy = daemon.directory.appendingPathComponent("copy.db").path
        try daemon.sql("PRAGMA wal_checkpoint(TRUNCATE); VACUUM INTO '\(copy)';")
        _ = try runToEnd(
            "/usr/bin/sqlite3",
            [copy, "INSERT INTO products(business_id,name) VALUES(\(business.id),'while nobody looked');"])
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: daemon.database + suffix)
        }
        _ = try runToEnd("/bin/mv", [copy, daemon.database])
        let change = try #require(try stream.next("change", within: 15), "\(daemon.log().suffix(800))")
        #expect(change.list("products", "created").count == 1)
        #expect(try epoch(daemon, till) == before)
        try add(daemon, business.id, 1, "after")
        #expect(try #require(try stream.next("change")).list("products", "created").count == 1)
        #expect(!stream.seen.contains { $0.type == "reset" })
    }

    @Test func aRestoreWhileTheGatewayIsDownIsNoticedAtTheStart() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        try add(daemon, business.id, 3, "before")
        let backup = daemon.directory.appendingPathComponent("backup.db").path
        try daemon.sql(".backup '\(backup)'")
        try add(daemon, business.id, 3, "lost")
        let before = try epoch(daemon, business.token)
        usleep(1_200_000)  // what was served last is written down once a second
        daemon.terminate()
        try daemon.sql(".restore '\(backup)'")
        try add(daemon, business.id, 9, "after")
        try daemon.start()
        #expect(try epoch(daemon, business.token) != before)
    }

    /// After a crash of the machine commits may be gone that did not wait for the disk. A boot is played by
    /// another boot id in the side file of a gateway that was killed.
    @Test(arguments: [
        ([String](), false, true), (["database.durability=normal"], false, false),
        ([], true, false), (["database.durability=full"], true, true),
    ])
    func anUncleanRebootIsAnotherHistoryUnlessEveryWriterWaits(
        _ settings: [String], _ isAttached: Bool, _ isKept: Bool
    ) throws {
        let daemon = try Daemon(settings, attachedTo: isAttached ? .stall : nil)
        let owner = isAttached ? try daemon.owner(of: 7) : try daemon.newBusiness().token
        let before = try epoch(daemon, owner)
        let side = daemon.directory.appendingPathComponent("gateway.db.served")
        for (isClean, isReboot) in [(false, false), (true, true), (false, true)] {
            if isClean { daemon.terminate() } else { daemon.kill() }
            if isReboot {
                var words = try String(contentsOf: side, encoding: .utf8).split(separator: " ")
                #expect(words.count == 7 && words[6] == (isClean ? "clean\n" : "running\n"))
                words[5] = "0e3b4e2c-boot-of-yesterday"
                try Data(words.joined(separator: " ").utf8).write(to: side)
            }
            try daemon.start()
            let mayChange = isReboot && !isClean && !isKept
            #expect(try (epoch(daemon, owner) != before) == mayChange, "clean \(isClean), reboot \(isReboot)")
        }
    }

    @Test func withoutTheSideFileNothingIsProven() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        try add(daemon, business.id, 3, "a")
        let before = try epoch(daemon, business.token)
        daemon.terminate()
        try FileManager.default.removeItem(at: daemon.directory.appendingPathComponent("gateway.db.served"))
        try daemon.start()
        #expect(try epoch(daemon, business.token) != before)
    }
}
