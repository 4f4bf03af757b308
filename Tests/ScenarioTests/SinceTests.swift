// Clients that know nothing but `since` and `server_timestamp`: nothing is missed, whatever the rows say
// about their own times.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct SinceTests {
    typealias Shop = StreamTests.Shop

    private func poll(_ shop: Shop, _ since: String, _ more: String = "") throws -> Answer {
        try shop.daemon.ask("GET", "/sync/changes?entities=products&since=\(since)\(more)", token: shop.till)
    }

    @Test(arguments: ["", "&limit=3"]) func aTillThatKnowsOnlyTimesEndsEqual(_ limit: String) throws {
        let shop = try Shop()
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
            INSERT INTO products(business_id,name) SELECT \(shop.business), 'p' || i FROM n;
            """)
        var till = try TimeTill(shop.daemon, token: shop.till)
        let writer = try shop.daemon.startWriter(seed: 3, seconds: 3, businesses: [shop.business])
        while writer.isRunning {
            try till.poll(shop.daemon, token: shop.till, limit)
            usleep(20_000)
        }
        // It goes on until a whole answer brings nothing new.
        let equal = try waitFor(seconds: 20) { () -> Bool? in
            let more = try till.poll(shop.daemon, token: shop.till, limit)
            return try !more && till.records == TimeTill.table(shop.daemon, business: shop.business)
                ? true : nil
        }
        #expect(equal == true)
    }

    /// The row says it was written at one time; it was committed three seconds later.
    @Test func aSlowTransactionIsNotMissed() throws {
        let shop = try Shop()
        try shop.product("before")
        var till = try TimeTill(shop.daemon, token: shop.till)
        let slow = Process()
        slow.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        slow.arguments = [
            "python3", Daemon.writers.appendingPathComponent("slow_commit.py").path, shop.daemon.database,
            "\(shop.business)", "3",
        ]
        try slow.start()
        while slow.isRunning {
            try till.poll(shop.daemon, token: shop.till)
            usleep(50_000)
        }
        let arrived = try waitFor(seconds: 10) { () -> Bool? in
            try till.poll(shop.daemon, token: shop.till)
            return till.records.values.contains(TimeTill.hex("slow")) ? true : nil
        }
        #expect(arrived == true)
        #expect(till.fulls == 0, "told as a change")
    }

    /// What was seen when is written down: a till that was told a time before the restart gets changes.
    @Test(arguments: [true, false]) func timesSurviveARestart(_ isKilled: Bool) throws {
        let shop = try Shop(["retention.check=100ms"])
        try shop.product("before")
        var till = try TimeTill(shop.daemon, token: shop.till)
        // Until the time the till was told is an observed one.
        let seen = try waitFor(seconds: 30) { () -> Bool? in
            try shop.product("tick")
            try till.poll(shop.daemon, token: shop.till)
            return try runToEnd(
                "/usr/bin/sqlite3",
                [shop.daemon.directory.path + "/gateway.db", "SELECT count(*) > 3 FROM tidings_observations"]
            ).1.hasPrefix("1") && till.fulls == 0 ? true : nil
        }
        #expect(seen == true)
        if isKilled { shop.daemon.kill() } else { shop.daemon.terminate() }
        try shop.product("while down")
        try shop.daemon.start()
        try till.poll(shop.daemon, token: shop.till)
        #expect(till.fulls == 0, "told as a change")
        #expect(try till.records == TimeTill.table(shop.daemon, business: shop.business))
    }

    @Test func everyFormOfATimeIsRead() throws {
        let shop = try Shop()
        try shop.product("Tea")
        let accepted = [
            "2025-01-01T00:00:00Z", "2025-01-01T00:00:00.5Z", "2025-01-01T00:00:00.123456789Z",
            "2025-01-01T02:00:00%2B02:00", "2025-01-01T02:00:00+02:00", "2025-01-01T00:00:00-05:30",
            "2025-01-01%2000:00:00", "2025-01-01+00:00:00", "2099-01-01T00:00:00Z",
        ]
        for text in accepted {
            let answer = try poll(shop, text)
            #expect(answer.status == 200, "\(text)")
            #expect(answer.json?["full"] as? Bool == true, "\(text): nothing is known of that time")
            let products = (answer.json?["data"] as? [String: [String: Any]])?["products"]
            #expect(products?["total"] as? Int == 1, "\(text)")
        }
        let refused = [
            "", "yesterday", "2025-01-01", "2025-13-01T00:00:00Z", "2025-02-30T00:00:00Z",
            "2025-01-01T25:00:00Z", "2025-01-01T00:00:00", "2025-01-01T00:00:00.Z",
            "2025-01-01T00:00:00.1234567890Z", "1735689600", "2025-01-01T00:00:00ZZ",
        ]
        for text in refused {
            let answer = try poll(shop, text)
            #expect(answer.status == 422, "\(text)")
            #expect((answer.json?["errors"] as? [String: Any])?.keys.first == "since")
        }
        let neither = try shop.daemon.ask("GET", "/sync/changes", token: shop.till)
        #expect(neither.status == 422)
    }
}
