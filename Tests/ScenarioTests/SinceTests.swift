// Clients that know nothing but `since` and `server_timestamp`: nothing is missed, whatever the rows say
// about their own times.

import Foundation
import Testing
import TidingsTesting

@Suite struct SinceTests {
    typealias Shop = StreamTests.Shop

    /// A copy that is kept by times alone.
    private struct OldTill {
        var records: [Int: String] = [:]
        var since: String
        var fulls = 0

        init(_ full: Answer) throws {
            since = try #require(full.json?["server_timestamp"] as? String)
            try apply(full)
            fulls = 0
        }

        /// As SQLite writes it: names hold line breaks.
        static func hex(_ text: String) -> String {
            text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
        }

        /// Returns whether there is more.
        @discardableResult mutating func apply(_ answer: Answer) throws -> Bool {
            let json = try #require(answer.json, "\(answer.status)")
            #expect(answer.status == 200)
            let part = try #require((json["data"] as? [String: [String: Any]])?["products"])
            if json["full"] as? Bool == true {
                records = [:]
                fulls += 1
            }
            for list in ["created", "updated"] {
                for case let record as [String: Any] in part[list] as? [Any] ?? [] {
                    records[record["id"] as? Int ?? 0] = Self.hex(record["name"] as? String ?? "")
                }
            }
            for case let id as Int in part["deleted"] as? [Any] ?? [] { records[id] = nil }
            since = try #require(json["server_timestamp"] as? String)
            return json["has_more"] as? Bool == true
        }
    }

    private func poll(_ shop: Shop, _ since: String, _ more: String = "") throws -> Answer {
        try shop.daemon.ask("GET", "/sync/changes?entities=products&since=\(since)\(more)", token: shop.till)
    }

    private func table(_ shop: Shop) throws -> [Int: String] {
        let rows = try shop.daemon.sql(
            "SELECT id||'|'||hex(name) FROM products WHERE business_id=\(shop.business) AND deleted_at IS NULL;"
        )
        var table: [Int: String] = [:]
        for row in rows.split(separator: "\n") {
            let parts = row.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
            table[try #require(Int(parts[0]))] = String(parts[1])
        }
        return table
    }

    @Test(arguments: ["", "&limit=3"]) func aTillThatKnowsOnlyTimesEndsEqual(_ limit: String) throws {
        let shop = try Shop()
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
            INSERT INTO products(business_id,name) SELECT \(shop.business), 'p' || i FROM n;
            """)
        var till = try OldTill(shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till))
        let writer = try shop.daemon.startWriter(seed: 3, seconds: 3, businesses: [shop.business])
        while writer.isRunning {
            try till.apply(try poll(shop, till.since, limit))
            usleep(20_000)
        }
        // It goes on until a whole answer brings nothing new.
        let equal = try waitFor(seconds: 20) { () -> Bool? in
            let more = try till.apply(try poll(shop, till.since, limit))
            return try !more && till.records == table(shop) ? true : nil
        }
        #expect(equal == true)
    }

    /// The row says it was written at one time; it was committed three seconds later.
    @Test func aSlowTransactionIsNotMissed() throws {
        let shop = try Shop()
        try shop.product("before")
        var till = try OldTill(shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till))
        let slow = Process()
        slow.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        slow.arguments = [
            "python3", Daemon.writers.appendingPathComponent("slow_commit.py").path, shop.daemon.database,
            "\(shop.business)", "3",
        ]
        try slow.run()
        while slow.isRunning {
            try till.apply(try poll(shop, till.since))
            usleep(50_000)
        }
        let arrived = try waitFor(seconds: 10) { () -> Bool? in
            try till.apply(try poll(shop, till.since))
            return till.records.values.contains(OldTill.hex("slow")) ? true : nil
        }
        #expect(arrived == true)
        #expect(till.fulls == 0, "told as a change")
    }

    /// What was seen when is written down: a till that was told a time before the restart gets changes.
    @Test(arguments: [true, false]) func timesSurviveARestart(_ isKilled: Bool) throws {
        let shop = try Shop(["retention.check=100ms"])
        try shop.product("before")
        var till = try OldTill(shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till))
        // Until the time the till was told is an observed one.
        let seen = try waitFor(seconds: 30) { () -> Bool? in
            try shop.product("tick")
            try till.apply(try poll(shop, till.since))
            return try Daemon.run(
                "/usr/bin/sqlite3",
                [shop.daemon.directory.path + "/gateway.db", "SELECT count(*) > 3 FROM tidings_observations"]
            ).1.hasPrefix("1") && till.fulls == 0 ? true : nil
        }
        #expect(seen == true)
        till.fulls = 0
        if isKilled { shop.daemon.kill() } else { shop.daemon.terminate() }
        try shop.product("while down")
        try shop.daemon.start()
        try till.apply(try poll(shop, till.since))
        #expect(till.fulls == 0, "told as a change")
        #expect(try till.records == table(shop))
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
