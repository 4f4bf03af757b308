// What each device synced, as operators read it.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct SyncLogTests {
    private func rows(_ daemon: Daemon, _ options: [String] = []) throws -> [[String: Any]] {
        let text = try daemon.tidings(arguments: ["logs", "--json"] + options)
        return try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    }

    /// Rows once there are so many: they are written a few times a second.
    private func rows(_ daemon: Daemon, _ options: [String] = [], count: Int) throws -> [[String: Any]] {
        _ = try waitFor(seconds: 30) { try rows(daemon, options).count >= count ? true : nil }
        return try rows(daemon, options)
    }

    @Test func everySyncLeavesARow() throws {
        let shop = try StreamTests.Shop()
        try shop.product("Tea")
        let full = try shop.daemon.ask(
            "GET", "/sync/full", token: shop.till, headers: [("User-Agent", "till/1")])
        let token = try #require(full.json?["sync_token"] as? String)
        try shop.product("Coffee")
        try shop.daemon.untilRead()
        _ = try shop.daemon.ask("GET", "/sync/changes?sync_token=\(token)", token: shop.till)
        _ = try shop.daemon.ask("GET", "/sync/changes?sync_token=AA", token: shop.till)
        // Nobody's requests leave none.
        _ = try shop.daemon.ask("GET", "/sync/full", token: "1|nonsense")
        do {
            let stream = try OpenStream(shop.daemon, token: shop.till, lastEventID: token)
            #expect(try stream.next("change") != nil)
            #expect(try stream.next("ready") != nil)
        }
        _ = try rows(shop.daemon, count: 5)
        let batch = try shop.daemon.ask(
            "POST", "/sync/batch", token: shop.till, body: #"{"operations":[]}"#)
        let all = try rows(shop.daemon, count: 6)
        #expect(
            all.map { $0["kind"] as? String } == [
                "register", "full", "changes", "changes", "stream", "batch",
            ])
        #expect(
            all.allSatisfy { $0["device"] as? String == "till" && $0["address"] as? String == "127.0.0.1" })
        #expect(all.allSatisfy { $0["business"] as? String == "\(shop.business)" })
        #expect(all.map { $0["status"] as? Int } == [201, 200, 200, 410, 200, batch.status])
        #expect(all[1]["agent"] as? String == "till/1")
        #expect(all[1]["records"] as? Int == 1 && all[1]["from"] as? Int == 0)
        #expect((all[1]["bytes"] as? Int ?? 0) > full.body.count)
        #expect(all[2]["records"] as? Int == 1 && all[2]["from"] as? Int == all[1]["to"] as? Int)
        #expect(all[4]["records"] as? Int == 1 && all[4]["reason"] as? String == "client")
        #expect(
            all[4]["from"] as? Int == all[1]["to"] as? Int && all[4]["to"] as? Int == all[2]["to"] as? Int)
        #expect(all.allSatisfy { ($0["milliseconds"] as? Double ?? -1) >= 0 })
        #expect(try rows(shop.daemon, ["--kind", "changes", "--status", "410"]).count == 1)
        #expect(try rows(shop.daemon, ["--device", "nobody"]).isEmpty)
        #expect(
            try rows(shop.daemon, ["--limit", "2"]).map { $0["kind"] as? String } == ["stream", "batch"])
        #expect(try rows(shop.daemon, ["--since", "2100-01-01T00:00:00Z"]).isEmpty)
        #expect(try shop.daemon.tidings("logs").contains("register"))
        // No secret is in the file of logs.
        let secret = shop.till.split(separator: "|")[1]
        #expect(try !shop.daemon.tidings("logs", "--json").contains(secret))
    }

    @Test func oldRowsGoAndAddressesAreCut() throws {
        let shop = try StreamTests.Shop(["logs.addresses=truncated"])
        #expect(try rows(shop.daemon, count: 1).first?["address"] as? String == "127.0.0.0")
        try shop.daemon.gatewaySQL("UPDATE tidings_sync_logs SET at = at - 31 * 86400000000;")
        #expect(try waitFor(seconds: 30) { try rows(shop.daemon).isEmpty ? true : nil } == true)
    }

    /// A log that cannot be written fails no request.
    @Test func requestsGoOnWithoutTheLog() throws {
        let shop = try StreamTests.Shop()
        _ = try rows(shop.daemon, count: 1)
        try shop.daemon.gatewaySQL("DROP TABLE tidings_sync_logs;")
        for _ in 0..<5 {
            #expect(try shop.daemon.ask("GET", "/sync/full?entities=vats", token: shop.till).status == 200)
        }
        let counted = try waitFor(seconds: 30) {
            let metrics = try TillSocket.ask(port: shop.daemon.adminPort, "GET", "/metrics")
            return String(decoding: metrics.body, as: UTF8.self).contains(
                "tidings_sync_log_dropped_total 5\n")
                ? true : nil
        }
        #expect(counted == true)
    }
}
