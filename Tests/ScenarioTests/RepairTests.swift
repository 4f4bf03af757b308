// A copy that went wrong silently heals: the digest tells, the buckets say where, and only the wrong records
// are fetched. And who may ask for what.

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct RepairTests {
    typealias Shop = StreamTests.Shop

    /// A client's products: id → record, compared and repaired by the protocol alone.
    private struct Copy {
        let shop: Shop
        var records: [Int64: NSDictionary] = [:]
        var token = ""
        var fetched: [Int64] = []

        init(_ shop: Shop) throws {
            self.shop = shop
            let answer = try shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till)
            take(answer.json)
        }

        mutating func take(_ json: [String: Any]?) {
            if let token = json?["sync_token"] as? String { self.token = token }
            let products = (json?["data"] as? [String: [String: Any]])?["products"] ?? [:]
            for list in ["created", "updated"] {
                for case let record as NSDictionary in products[list] as? [Any] ?? [] {
                    if let id = (record["id"] as? NSNumber)?.int64Value { records[id] = record }
                }
            }
            for case let id as NSNumber in products["deleted"] as? [Any] ?? [] {
                records[id.int64Value] = nil
            }
        }

        func version(_ id: Int64) -> Int64? { (records[id]?["version"] as? NSNumber)?.int64Value }

        func total(where isIncluded: (Int64) -> Bool = { _ in true }) -> Total {
            var total = Total()
            for id in records.keys where isIncluded(id) {
                total.fold(id: .integer(id), was: nil, operation: .created, version: version(id) ?? 0)
            }
            return total
        }

        /// Whether the copy has the digest of the database, asked at the position it stands at.
        mutating func agrees() throws -> Bool {
            let answer = try shop.daemon.ask(
                "GET", "/sync/changes?entities=products&sync_token=\(token)", token: shop.till)
            take(answer.json)
            let products = (answer.json?["data"] as? [String: [String: Any]])?["products"]
            return products?["digest"] as? String == total().digest.hex
        }

        /// Returns the share of buckets that differed.
        mutating func repair(buckets count: Int) throws -> Double {
            let all = try shop.daemon.ask(
                "GET", "/sync/digest?entity=products&buckets=\(count)", token: shop.till)
            let buckets = try #require(all.json?["buckets"] as? [[Any]])
            #expect(buckets.count == count)
            let wrong = buckets.indices.filter { bucket in
                let own = total { Digest.bucket(of: .integer($0), count: count) == bucket }
                return (buckets[bucket][0] as? NSNumber)?.intValue != own.live
                    || buckets[bucket][1] as? String != own.digest.hex
            }
            for bucket in wrong {
                let hex = String(bucket, radix: 16)
                let listed = try shop.daemon.ask(
                    "GET", "/sync/digest?entity=products&buckets=\(count)&bucket=\(hex)", token: shop.till)
                #expect(listed.json?["to"] as? Int == all.json?["to"] as? Int)
                var there: [Int64: Int64] = [:]
                for pair in listed.json?["records"] as? [[NSNumber]] ?? [] {
                    there[pair[0].int64Value] = pair[1].int64Value
                }
                let ours = records.keys.filter { Digest.bucket(of: .integer($0), count: count) == bucket }
                let differing = Set(there.keys).union(ours).filter { there[$0] != version($0) }
                fetched += differing
                let ids = differing.map(String.init).joined(separator: ",")
                take(
                    try shop.daemon.ask(
                        "GET", "/sync/records?entity=products&ids=\(ids)", token: shop.till
                    ).json)
            }
            return Double(wrong.count) / Double(count)
        }
    }

    private func shop() throws -> Shop {
        let shop = try Shop()
        let other = try shop.daemon.newBusiness()
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
            INSERT INTO products(business_id, name) SELECT \(shop.business), 'p' || i FROM n;
            INSERT INTO products(business_id, name) VALUES (\(other.id), 'foreign');
            UPDATE products SET price = '2.00' WHERE id % 3 = 0;
            DELETE FROM products WHERE id % 50 = 7;
            """)
        return shop
    }

    @Test func aSilentlyCorruptedCopyHealsByFetchingJustTheWrongRecords() throws {
        let shop = try shop()
        var copy = try Copy(shop)
        #expect(try copy.agrees())
        let right = copy.records
        // One creation, deletion and update missed, one seen that never was: the count is right.
        copy.records[11] = nil
        copy.records[57] = right[12]
        copy.records[30] = right[31]
        copy.records[400] = ["id": 400, "version": 9, "name": "never"]
        #expect(copy.records.count == right.count)
        #expect(try !copy.agrees())
        let share = try copy.repair(buckets: 256)
        #expect(share < 0.3)
        #expect(copy.fetched.sorted() == [11, 30, 57, 400])
        #expect(copy.records == right)
        #expect(try copy.agrees())
        #expect(
            waitFor(seconds: 10) { shop.daemon.log().contains("a copy is repaired") ? true : nil } == true)
        let metrics = try TillSocket.ask(port: shop.daemon.adminPort, "GET", "/metrics")
        let text = String(decoding: metrics.body, as: UTF8.self)
        #expect(text.contains("tidings_drift_reports_total 1\n"))
        #expect(text.contains("tidings_drift_repaired_records_total 4\n"))
    }

    @Test func bucketsAddUpToTheDigest() throws {
        let shop = try shop()
        let copy = try Copy(shop)
        for count in [1, 7, 256, 4_096] {
            let answer = try shop.daemon.ask(
                "GET", "/sync/digest?entity=products&buckets=\(count)", token: shop.till)
            let buckets = try #require(answer.json?["buckets"] as? [[Any]])
            #expect(buckets.reduce(0) { $0 + (($1[0] as? Int) ?? 0) } == copy.records.count)
            if count == 1 { #expect(buckets[0][1] as? String == copy.total().digest.hex) }
        }
        // Several buckets at once, in either case.
        let two = try shop.daemon.ask(
            "GET", "/sync/digest?entity=products&buckets=16&bucket=a,B", token: shop.till)
        let expected = copy.records.keys.count {
            [10, 11].contains(Digest.bucket(of: .integer($0), count: 16))
        }
        #expect((two.json?["records"] as? [Any])?.count == expected)
    }

    @Test func recordsAreOwnOnesAndOthersAreAbsent() throws {
        let shop = try shop()
        let answer = try shop.daemon.ask(
            "GET", "/sync/records?entity=products&ids=1,7,701,99999,1", token: shop.till)
        let products = try #require((answer.json?["data"] as? [String: [String: Any]])?["products"])
        #expect((products["updated"] as? [[String: Any]])?.map { $0["id"] as? Int } == [1])
        // 7 is deleted, 701 another business's, 99999 nobody's: all the same to this one.
        #expect(products["deleted"] as? [Int] == [7, 701, 99_999])
        #expect(answer.json?["from"] as? Int == answer.json?["to"] as? Int)
        #expect(answer.json?["sync_token"] == nil)
        #expect(answer.json?["total_records"] as? Int == 4)
    }

    @Test func whatCannotBeAnsweredIsRefused() throws {
        let shop = try Shop()
        for (target, field) in Self.unanswerable {
            let answer = try shop.daemon.ask("GET", target, token: shop.till)
            #expect(answer.status == 422, "\(target)")
            #expect((answer.json?["errors"] as? [String: Any])?.keys.sorted() == [field], "\(target)")
        }
    }

    /// Targets, and the field that is wrong.
    private static let unanswerable = [
        ("/sync/digest", "entity"), ("/sync/digest?entity=nothing", "entity"),
        ("/sync/digest?entity=products&buckets=0", "buckets"),
        ("/sync/digest?entity=products&buckets=4097", "buckets"),
        ("/sync/digest?entity=products&buckets=16&bucket=10", "bucket"),
        ("/sync/digest?entity=products&bucket=-1", "bucket"),
        ("/sync/digest?entity=products&bucket=", "bucket"), ("/sync/records?entity=products", "ids"),
        ("/sync/records?entity=products&ids=", "ids"), ("/sync/records?entity=products&ids=x", "ids"),
        ("/sync/records?entity=products&ids=" + (1...501).map(String.init).joined(separator: ","), "ids"),
    ]

    /// The pieces of a repair may be asked for 600 times a minute; the records behind them have a bound of
    /// their own, which they share with who catches up.
    @Test(arguments: [
        "digest?entity=products&buckets=16", "digest?entity=products&buckets=16&bucket=a",
        "records?entity=products&ids=" + (1...300).map(String.init).joined(separator: ","),
    ])
    func repairsAreBoundByRecordsASecond(_ target: String) throws {
        let shop = try Shop(["limits.backlog_records_per_second=100"])
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4800)
            INSERT INTO products(business_id, name) SELECT \(shop.business), 'p' || i FROM n;
            """)
        let start = ContinuousClock.now
        // 100 to begin with, 200 on credit; then 300 for each.
        for _ in 0..<3 {
            #expect(try shop.daemon.ask("GET", "/sync/" + target, token: shop.till).status == 200)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        #expect(seconds > 4.5, "\(seconds) s")
    }

    /// Rows that are gone behind the hooks' back are answered as deleted, counted and said.
    @Test func theGatewaysOwnDriftIsCounted() throws {
        let shop = try Shop()
        var copy = try Copy(shop)
        try shop.daemon.sql(
            "INSERT INTO tidings_journal(entity,business,id,op,version) VALUES(1,\(shop.business),4711,1,1);"
        )
        _ = try copy.agrees()
        #expect(copy.records.isEmpty)
        let text = String(
            decoding: try TillSocket.ask(port: shop.daemon.adminPort, "GET", "/metrics").body, as: UTF8.self)
        #expect(text.contains("tidings_drifted_records_total 1\n"))
        #expect(
            waitFor(seconds: 10) { shop.daemon.log().contains("hooks were bypassed") ? true : nil } == true)
    }
}
