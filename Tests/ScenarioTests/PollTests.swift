// Polling: by token, waiting for a change, by time, and the full download in its three forms.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct PollTests {
    typealias Shop = StreamTests.Shop

    private func token(_ shop: Shop, _ query: String = "") throws -> String {
        let answer = try shop.daemon.ask("GET", "/sync/full" + query, token: shop.till)
        return try #require(answer.json?["sync_token"] as? String)
    }

    // MARK: Waiting

    /// A poll from the head that waits for the next change.
    private func waitingPoll(_ shop: Shop) throws -> TillSocket {
        let socket = try TillSocket(port: shop.daemon.port)
        try socket.request(
            "GET", "/sync/changes?wait=30&sync_token=\(token(shop))",
            headers: [("Authorization", "Bearer \(shop.till)")])
        return socket
    }

    @Test func aWaitingPollIsAnsweredByTheChange() throws {
        let shop = try Shop()
        let socket = try waitingPoll(shop)
        // Another business's change answers nothing.
        let other = try shop.daemon.newBusiness()
        try shop.daemon.sql("INSERT INTO products(business_id,name) VALUES(\(other.id),'Elsewhere');")
        #expect(try socket.read(within: 0.3) == nil)
        try shop.product("Tea")
        let answer = try socket.readAnswer()
        let created = (answer.json?["data"] as? [String: [String: Any]])?["products"]?["created"] as? [Any]
        #expect(created?.count == 1)
        #expect(answer.json?["has_more"] as? Bool == false)
    }

    /// Who was shut out while waiting is told nothing that came later.
    @Test func aWaitingPollOfADeadTokenIsAnswered401() throws {
        let shop = try Shop()
        let socket = try waitingPoll(shop)
        #expect(try socket.read(within: 0.3) == nil)
        _ = try shop.daemon.register("till", by: shop.owner)
        try shop.product("Tea")
        let answer = try socket.readAnswer()
        #expect(answer.status == 401)
        #expect(!String(decoding: answer.body, as: UTF8.self).contains("Tea"))
    }

    @Test func aWaitThatNothingEndsIsAnsweredEmpty() throws {
        let shop = try Shop()
        let token = try token(shop)
        let start = Date()
        let answer = try shop.daemon.ask("GET", "/sync/changes?wait=1&sync_token=\(token)", token: shop.till)
        #expect(answer.status == 200)
        #expect(answer.json?["total_records"] as? Int == 0)
        #expect(Date().timeIntervalSince(start) >= 1)
        for wrong in ["61", "-1", "x", "1.5", ""] {
            let refused = try shop.daemon.ask(
                "GET", "/sync/changes?wait=\(wrong)&sync_token=\(token)", token: shop.till)
            #expect(refused.status == 422)
        }
    }

    /// Everything that happens arrives, but an answer comes at most each two seconds.
    @Test func aBusyShopIsToldInLots() throws {
        let shop = try Shop()
        var till = Till(entities: ["products"])
        till.full(try shop.daemon.ask("GET", "/sync/full?entities=products", token: shop.till).body)
        let writer = try shop.daemon.startWriter(seed: 7, seconds: 3, businesses: [shop.business])
        let start = Date()
        var answers = 0
        while writer.isRunning {
            let answer = try shop.daemon.ask(
                "GET", "/sync/changes?entities=products&wait=2&sync_token=\(try #require(till.token))",
                token: shop.till)
            answers += 1
            _ = till.changes(answer.body, from: till.position)
        }
        #expect(Double(answers) <= Date().timeIntervalSince(start) / 2 + 2)
        while till.changes(
            try shop.daemon.ask(
                "GET", "/sync/changes?entities=products&sync_token=\(try #require(till.token))",
                token: shop.till
            ).body, from: till.position)
        {}
        let differences = try JournalTruth(shop.daemon, business: shop.business).differences(till.checkpoints)
        #expect(differences.isEmpty, "\(differences)")
    }

    /// A shop with a token from before its 3,000 products, and so many records a second for who catches up.
    private func shopToCatchUp(recordsPerSecond: Int) throws -> (Shop, token: String) {
        let shop = try Shop(["limits.backlog_records_per_second=\(recordsPerSecond)"])
        let token = try token(shop, "?entities=products&limit=1")
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
            INSERT INTO products(business_id, name) SELECT \(shop.business), 'p' || i FROM n;
            """)
        let isSeen = try waitFor(seconds: 30) {
            try shop.daemon.metric("tidings_head_seq") >= 3_000 ? true : nil
        }
        #expect(isSeen == true)
        return (shop, token)
    }

    private func changes(_ shop: Shop, _ more: String, _ token: String?) throws -> [String: Any] {
        let target = "/sync/changes?entities=products&\(more)&sync_token=\(try #require(token))"
        return try #require(try shop.daemon.ask("GET", target, token: shop.till).json)
    }

    /// Further pages, and waits from far behind, share the budget of the streams that catch up.
    @Test func whatContinuesASyncIsBoundByRecordsASecond() throws {
        let (shop, token) = try shopToCatchUp(recordsPerSecond: 500)
        let start = ContinuousClock.now
        var answer = try changes(shop, "limit=1000&wait=1", token)
        var records = answer["total_records"] as? Int ?? 0
        while answer["has_more"] as? Bool == true {
            answer = try changes(shop, "limit=1000", answer["sync_token"] as? String)
            records += answer["total_records"] as? Int ?? 0
        }
        #expect(records == 3_000)
        // 500 at the beginning, and the last 1,000 on credit.
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        #expect(seconds > 2.9, "\(seconds) s")
        #expect(try LimitTests.met(shop.daemon, "limits.backlog_records_per_second") ?? 0 > 0)
    }

    @Test func whoHasCaughtUpWaitsForNobodyWhoHasNot() throws {
        let (shop, token) = try shopToCatchUp(recordsPerSecond: 100)
        let whole = try changes(shop, "limit=3000&wait=1", token)
        #expect(whole["total_records"] as? Int == 3_000)
        // Half a minute on credit: the next one waits.
        let waiting = try TillSocket(port: shop.daemon.port)
        try waiting.request(
            "GET", "/sync/changes?entities=products&wait=1&sync_token=\(token)",
            headers: [("Authorization", "Bearer \(shop.till)")])
        let news = try changes(shop, "limit=10", whole["sync_token"] as? String)
        #expect(news["total_records"] as? Int == 0)
        #expect(try shop.daemon.ask("GET", "/api/v1/products/1", token: shop.till).status == 200)
        try shop.product("Tea")
        let wait = try changes(shop, "wait=30", whole["sync_token"] as? String)
        #expect(wait["total_records"] as? Int == 1)
        #expect(try waiting.read(within: 0.1) == nil)
    }

    /// A page stands in memory: it ends after some megabytes, whatever its limit.
    @Test func aPageOfLargeRecordsEndsEarly() throws {
        let shop = try Shop()
        var token = try token(shop, "?entities=products&limit=1")
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
            INSERT INTO products(business_id, name, description)
            SELECT \(shop.business), 'p' || i, replace(hex(zeroblob(500000)), '00', 'ab') FROM n;
            """)
        var (pages, records) = (0, 0)
        var hasMore = true
        while hasMore {
            let answer = try changes(shop, "limit=100", token)
            pages += 1
            records += try #require(answer["total_records"] as? Int)
            token = try #require(answer["sync_token"] as? String)
            hasMore = try #require(answer["has_more"] as? Bool)
        }
        #expect(records == 12)
        #expect(pages == 3, "five of a million bytes are more than four MiB")
    }

    @Test func aDrainAnswersWhoWaits() throws {
        let shop = try Shop(["drain.window=1s"])
        let socket = try TillSocket(port: shop.daemon.port)
        try socket.request(
            "GET", "/sync/changes?wait=60&sync_token=\(try token(shop))",
            headers: [("Authorization", "Bearer \(shop.till)")])
        #expect(try socket.read(within: 0.3) == nil)
        let ended = Thread { shop.daemon.terminate() }
        ended.start()
        #expect(try socket.readAnswer().status == 200)
        #expect(waitFor(seconds: 30) { ended.isFinished ? true : nil } == true)
    }

    // MARK: 304

    @Test func anEmptyAnswerThatIsKnownIsNotSentAgain() throws {
        let shop = try Shop()
        try shop.product("Tea")
        let target = "/sync/changes?sync_token=\(try token(shop))"
        let first = try shop.daemon.ask("GET", target, token: shop.till)
        let tag = try #require(first.fields["etag"])
        #expect(first.status == 200 && tag.hasPrefix("W/\""))
        func again(_ known: String) throws -> Answer {
            try shop.daemon.ask("GET", target, token: shop.till, headers: [("If-None-Match", known)])
        }
        let known = try again(tag)
        #expect(known.status == 304 && known.body.isEmpty && known.fields["etag"] == tag)
        #expect(try again("\"x\", \(tag) ").status == 304)
        #expect(try again("*").status == 304)
        #expect(try again("W/\"x\"").status == 200)
        // Other businesses do not make it another answer; a change does, whatever the tag.
        let other = try shop.daemon.newBusiness()
        try shop.daemon.sql("INSERT INTO products(business_id,name) VALUES(\(other.id),'Elsewhere');")
        #expect(try again(tag).status == 304)
        try shop.product("Coffee")
        #expect(try again(tag).status == 200)
        #expect(try again("*").status == 200)
    }

    // MARK: Full

    @Test func aFullDownloadInPagesIsTheSame() throws {
        let shop = try Shop()
        for number in 1...25 { try shop.product("p\(number)") }
        try shop.daemon.sql(
            "DELETE FROM products WHERE name IN ('p3','p4'); UPDATE products SET name='x' WHERE name='p5';")
        var names: [Int: String] = [:]
        var answer = try shop.daemon.ask("GET", "/sync/full?entities=products&limit=7", token: shop.till)
        #expect(answer.json?["full"] as? Bool == true)
        var pages = 1
        while true {
            let json = try #require(answer.json)
            let part = try #require((json["data"] as? [String: [String: Any]])?["products"])
            for case let record as [String: Any] in part["created"] as? [Any] ?? [] {
                names[record["id"] as? Int ?? 0] = record["name"] as? String
            }
            #expect((part["updated"] as? [Any])?.isEmpty == true, "nothing was known before")
            if json["has_more"] as? Bool == false {
                #expect(part["total"] as? Int == 23)
                break
            }
            #expect(part["total"] == nil)
            // The shop goes on meanwhile.
            if pages == 2 { try shop.daemon.sql("UPDATE products SET name='late' WHERE name='p1';") }
            pages += 1
            answer = try shop.daemon.ask(
                "GET",
                "/sync/changes?entities=products&limit=7&sync_token=\(json["sync_token"] as? String ?? "")",
                token: shop.till)
        }
        #expect(pages >= 4)
        #expect(names.count == 23 && names.values.contains("late") && !names.values.contains("p1"))
    }

    @Test func aFullDownloadInLinesCanBeReadAsItComes() throws {
        let shop = try Shop()
        for number in 1...5 { try shop.product("p\(number)") }
        try shop.daemon.sql("INSERT INTO brands(business_id,name) VALUES(\(shop.business),'Leaf');")
        let answer = try shop.daemon.ask(
            "GET", "/sync/full?entities=products,brands", token: shop.till,
            headers: [("Accept", "application/x-ndjson")])
        #expect(answer.fields["content-type"] == "application/x-ndjson")
        #expect(answer.body.last == 0x0A)
        let lines = try answer.body.split(separator: 0x0A).map {
            try #require(try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])
        }
        #expect(lines.count == 8)
        #expect(lines.first?["full"] as? Bool == true)
        let named = lines.dropFirst().dropLast().compactMap { $0["entity"] as? String }
        #expect(named.filter { $0 == "products" }.count == 5)
        let trailer = try #require(lines.last)
        let products = (trailer["data"] as? [String: [String: Any]])?["products"]
        #expect(products?["total"] as? Int == 5)
        let object = try shop.daemon.ask("GET", "/sync/full?entities=products,brands", token: shop.till)
        let same = (object.json?["data"] as? [String: [String: Any]])?["products"]
        #expect(products?["digest"] as? String == same?["digest"] as? String)
        #expect(trailer["sync_token"] as? String == object.json?["sync_token"] as? String)
        #expect(trailer["total_records"] as? Int == 6)
    }
}
