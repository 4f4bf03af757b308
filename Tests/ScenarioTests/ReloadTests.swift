// SIGHUP: the configuration is read again, and no stream notices.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct ReloadTests {
    @Test func aReloadChangesWhatItMayAndDropsNoStream() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        func write(_ text: String) throws { try Data(text.utf8).write(to: file) }
        try write("pages:\n  max_records: 500\n  default_records: 500\n")
        let shop = try StreamTests.Shop(["config:" + file.path])
        let daemon = shop.daemon
        let stream = try OpenStream(daemon, token: shop.till)
        _ = try #require(try stream.next("ready"))
        let token = try #require(
            try daemon.ask("GET", "/sync/full", token: shop.till).json?["sync_token"] as? String)
        func status(limit: Int) throws -> Int {
            try daemon.ask("GET", "/sync/changes?sync_token=\(token)&limit=\(limit)", token: shop.till).status
        }
        func waitForLog(_ text: String) -> Bool {
            waitFor(seconds: 30) { daemon.log().contains(text) ? true : nil } ?? false
        }
        #expect(try status(limit: 600) == 422)
        try write("pages:\n  max_records: 700\n  default_records: 500\njournal:\n  file_check: 3s\n")
        daemon.hangUp()
        #expect(waitForLog("configuration reloaded changed=pages.max_records"))
        #expect(waitForLog("settings that wait for a restart settings=journal.file_check"))
        #expect(try status(limit: 600) == 200)
        // A broken file changes nothing, and each mistake is named with its line.
        try write("pages:\n  max_records: 20\n  default_record: 5\nstream:\n  heartbeat: soon\n")
        daemon.hangUp()
        #expect(waitForLog(":3:3:") && waitForLog(":5:3:"), "\(daemon.log())")
        #expect(try status(limit: 600) == 200)
        try shop.product("Tea")
        #expect(try stream.next("change") != nil, "the same stream")
    }
}
