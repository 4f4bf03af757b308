// Retention running hot in the real daemon: what is purged, who is refused, and who never is.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct RetentionTests {
    typealias Shop = StreamTests.Shop

    static let hot = [
        "retention.check=100ms", "retention.tombstones=1s", "retention.journal_age=1s",
        "retention.journal_rows=1000",
    ]

    private func full(_ shop: Shop, _ till: String) throws -> String {
        try #require(
            try shop.daemon.ask("GET", "/sync/full?entities=products", token: till).json?["sync_token"]
                as? String)
    }

    private func poll(_ shop: Shop, _ till: String, _ token: String) throws -> Answer {
        try shop.daemon.ask("GET", "/sync/changes?entities=products&sync_token=\(token)", token: till)
    }

    private func tombstones(_ shop: Shop) throws -> Int? {
        Int(try shop.daemon.sql("SELECT count(*) FROM tidings_state WHERE dead = 1;"))
    }

    /// Writes now and then: what is old is only known to be so once something newer was seen.
    private func waitUntilPurged(_ shop: Shop) throws -> Bool? {
        try waitFor(seconds: 30) {
            try shop.product("tick")
            usleep(100_000)
            return try tombstones(shop) == 0 ? true : nil
        }
    }

    @Test func whatEveryDeviceHasStoredGoesAndNothingElse() throws {
        let shop = try Shop(Self.hot)
        let other = try shop.daemon.register("other", by: shop.owner)
        for name in ["a", "b", "c"] { try shop.product(name) }
        let (first, second) = (try full(shop, shop.till), try full(shop, other))
        // Told, not stored: neither has acknowledged the deletion yet.
        try shop.daemon.sql("DELETE FROM products WHERE name IN ('a','b');")
        let one = try poll(shop, shop.till, first)
        let told = try #require(one.json?["sync_token"] as? String)
        _ = try poll(shop, other, second)
        let journal = try waitFor(seconds: 30) { () -> Bool? in
            try shop.product("tick")
            usleep(100_000)
            return try shop.daemon.sql("SELECT min(seq) FROM tidings_journal;") != "1" ? true : nil
        }
        #expect(journal == true, "the journal goes whoever has stored what")
        #expect(try tombstones(shop) == 2, "held by both")
        _ = try poll(shop, shop.till, told)
        usleep(500_000)
        #expect(try tombstones(shop) == 2, "held by the other")
        let late = try poll(shop, other, second)
        #expect(late.status == 200)
        let answer = try shop.daemon.ask(
            "POST", "/api/v1/sync/ack", token: other,
            body: #"{"sync_token":"\#(late.json?["sync_token"] as? String ?? "")"}"#)
        #expect(answer.status == 204)
        #expect(try waitUntilPurged(shop) == true, "both have stored the deletion")
        // Whoever presents less than they said they have is told aloud, once; the full download is whole.
        let stale = try poll(shop, other, second)
        #expect(stale.status == 410 && stale.json?["reason"] as? String == "retention")
        #expect(try poll(shop, shop.till, told).status == 200)
        let old = try shop.daemon.ask(
            "GET", "/sync/changes?entities=products&since=2026-01-01T00:00:00Z", token: shop.till)
        #expect(old.status == 200 && old.json?["full"] as? Bool == true)
        let metrics = try TillSocket.ask(port: shop.daemon.adminPort, "GET", "/metrics")
        let text = String(decoding: metrics.body, as: UTF8.self)
        #expect(text.contains("tidings_tombstones_purged_total 2"))
    }

    @Test func aSilentDeviceHoldsNothing() throws {
        let shop = try Shop(Self.hot + ["retention.max_offline=3s"])
        for name in ["a", "b"] { try shop.product(name) }
        let token = try full(shop, shop.till)
        _ = try poll(shop, shop.till, token)
        try shop.daemon.sql("DELETE FROM products WHERE name = 'a';")
        #expect(try waitUntilPurged(shop) == true)
        #expect(try poll(shop, shop.till, token).json?["reason"] as? String == "retention")
        // A new till's download in pages begins below the floor, and is not refused.
        var answer = try shop.daemon.ask("GET", "/sync/full?entities=products&limit=1", token: shop.till)
        var records = 0
        while true {
            #expect(answer.status == 200)
            records += answer.json?["total_records"] as? Int ?? 0
            guard answer.json?["has_more"] as? Bool == true else { break }
            answer = try shop.daemon.ask(
                "GET",
                "/sync/changes?entities=products&limit=1&sync_token="
                    + (answer.json?["sync_token"] as? String ?? ""), token: shop.till)
        }
        #expect(records >= 1)
    }

    /// Streams and restarts while everything old goes at once.
    @Test func aRestartInHotRetentionKeepsTheHistory() throws {
        let shop = try Shop(Self.hot)
        try shop.product("a")
        let token = try full(shop, shop.till)
        for ends in [shop.daemon.kill, { shop.daemon.terminate() }] {
            let purged = try waitFor(seconds: 30) { () -> Bool? in
                try shop.product("tick")
                usleep(100_000)
                let before = try #require(Int(shop.daemon.sql("SELECT min(seq) FROM tidings_journal;")))
                return before > 5 ? true : nil
            }
            #expect(purged == true)
            ends()
            try shop.daemon.start()
            #expect(try poll(shop, shop.till, token).status == 200, "the same history, nothing missing")
        }
    }
}
