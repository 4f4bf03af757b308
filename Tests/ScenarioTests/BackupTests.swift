// `tidings backup` while writers write, `tidings restore` under a running gateway: another history, told
// aloud to everybody, and everybody converges.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct BackupTests {
    typealias Shop = StreamTests.Shop

    @Test func aBackupIsOneMomentOfABusyShop() throws {
        let shop = try Shop()
        let backup = shop.daemon.directory.appendingPathComponent("backup.db").path
        let writer = try shop.daemon.startWriter(seed: 5, seconds: 60, businesses: [shop.business])
        let isBusy = try waitFor(seconds: 30) {
            try shop.daemon.sql("SELECT count(*) > 20 FROM tidings_journal;") == "1" ? true : nil
        }
        #expect(isBusy == true)
        try shop.daemon.tidings("backup", backup)
        #expect(writer.isRunning, "it did not wait for the writer")
        writer.terminate()
        writer.waitUntilExit()
        let (_, verdict) = try runToEnd(
            "/usr/bin/sqlite3",
            [
                backup,
                """
                PRAGMA integrity_check;
                SELECT count(*) FROM tidings_state s WHERE entity=1 AND dead=0 AND NOT EXISTS(
                  SELECT 1 FROM products p WHERE p.id=s.id AND p.deleted_at IS NULL AND p.version=s.version);
                SELECT count(*) > 0 FROM tidings_journal;
                """,
            ])
        #expect(verdict == "ok\n0\n1\n", "\(verdict)")
        let (_, tokens) = try runToEnd(
            "/usr/bin/sqlite3", [backup + ".gateway", "SELECT count(*) > 0 FROM tidings_tokens"])
        #expect(tokens == "1\n")
        let left = try FileManager.default.contentsOfDirectory(atPath: shop.daemon.directory.path)
        #expect(left.filter { $0.hasPrefix("backup.db") }.sorted() == ["backup.db", "backup.db.gateway"])
    }

    /// A copy holds what the live file keeps from everybody else on the machine.
    @Test func copiesAreTheirOwnersOnly() throws {
        let shop = try Shop()
        let daemon = shop.daemon
        let backup = daemon.directory.appendingPathComponent("backup.db").path
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        try daemon.tidings("backup", backup)
        #expect(try mode(backup) == 0o600 && mode(backup + ".gateway") == 0o600)
        daemon.terminate()
        let gateway = daemon.directory.appendingPathComponent("gateway.db").path
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: gateway + suffix) }
        try daemon.tidings("restore", "--gateway", backup)
        #expect(try mode(gateway) == 0o600 && mode(daemon.database + ".replaced") == 0o600)
        try daemon.start()
        #expect(try daemon.ask("GET", "/sync/full", token: shop.till).status == 200)
    }

    @Test(arguments: [true, false]) func aRestoreIsAnotherHistory(_ isRunning: Bool) throws {
        let shop = try Shop()
        let backup = shop.daemon.directory.appendingPathComponent("backup.db").path
        for name in ["a", "b"] { try shop.product(name) }
        // Restored with the backup, and so notes what is named in it from then on.
        try shop.daemon.sql(
            """
            CREATE TABLE noted(name);
            CREATE TRIGGER note_names AFTER UPDATE OF value ON tidings_meta WHEN NEW.key = 'epoch'
            BEGIN INSERT INTO noted VALUES(NEW.value); END;
            """)
        try shop.daemon.tidings("backup", backup)
        for name in ["lost 1", "lost 2"] { try shop.product(name) }
        var ahead = Till(entities: ["products"])
        ahead.full(try shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till).body)
        #expect(ahead.copy["products"]?.count == 4)
        let stream = try OpenStream(
            shop.daemon, token: shop.till, lastEventID: ahead.token, query: "entities=products")
        _ = try #require(try stream.next("ready"))
        if !isRunning { shop.daemon.terminate() }
        try shop.daemon.tidings("restore", backup)
        // Written on at once, past what was served.
        for number in 1...6 { try shop.product("after \(number)") }
        if isRunning {
            let reset = try #require(try stream.next("reset", within: 15))
            #expect(reset.json["reason"] as? String == "epoch")
        } else {
            try shop.daemon.start()
        }
        let answer = try shop.daemon.ask(
            "GET", "/sync/changes?entities=products&sync_token=\(try #require(ahead.token))", token: shop.till
        )
        #expect(answer.status == 410 && answer.json?["reason"] as? String == "epoch")
        let old = ahead.epoch
        ahead.full(try shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till).body)
        #expect(ahead.epoch != old && ahead.violations.isEmpty && ahead.copy["products"]?.count == 8)
        let fresh = try OpenStream(
            shop.daemon, token: shop.till, lastEventID: ahead.token, query: "entities=products")
        _ = try #require(try fresh.next("ready"))
        try shop.product("live again")
        #expect(try fresh.next("change") != nil)
        #expect(try shop.daemon.sql("SELECT group_concat(name) FROM noted;") == ahead.epoch, "one, not two")
        // What was there is kept.
        let (_, replaced) = try runToEnd(
            "/usr/bin/sqlite3", [shop.daemon.database + ".replaced", "SELECT count(*) FROM products"])
        #expect(replaced == "4\n")
    }

    @Test func whatIsNoBackupIsNotRestored() throws {
        let shop = try Shop()
        try shop.product("a")
        let wrong = shop.daemon.directory.appendingPathComponent("wrong.db").path
        try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: wrong))
        #expect(throws: SocketFailure.self) { try shop.daemon.tidings("restore", wrong) }
        try FileManager.default.removeItem(atPath: wrong)
        _ = try runToEnd("/usr/bin/sqlite3", [wrong, "CREATE TABLE t(a)"])
        #expect(throws: SocketFailure.self) { try shop.daemon.tidings("restore", wrong) }
        #expect(throws: SocketFailure.self) { try shop.daemon.tidings("restore", wrong + ".gone") }
        #expect(try shop.daemon.sql("SELECT name FROM products;") == "a")
    }
}
