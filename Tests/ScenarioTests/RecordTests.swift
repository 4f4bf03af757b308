// Single records and what caches make of them: tags, dates, 304, HEAD, chosen fields, gzip.

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct RecordTests {
    typealias Shop = StreamTests.Shop

    /// A shop whose product 1 has version 5.
    private func shop(_ settings: [String] = []) throws -> Shop {
        let shop = try Shop(settings)
        try shop.product("Tea")
        for price in 1...4 { try shop.daemon.sql("UPDATE products SET price='\(price).00';") }
        return shop
    }

    private func get(
        _ shop: Shop, _ target: String = "/api/v1/products/1", _ headers: (String, String)...,
        method: String = "GET"
    ) throws -> Answer {
        try shop.daemon.ask(method, target, token: shop.till, headers: headers)
    }

    private func data(_ answer: Answer) -> [String: Any] { answer.json?["data"] as? [String: Any] ?? [:] }

    @Test func anETagIsAddedToAVersionedAnswer() throws {
        let answer = try get(try shop())
        #expect(answer.status == 200)
        #expect(answer.fields["etag"] == "\"v5\"")
        #expect(answer.fields["last-modified"]?.hasSuffix(" GMT") == true)
        #expect(answer.fields["cache-control"] == "private, no-cache")
        #expect(answer.fields["vary"] == "Accept-Encoding")
        #expect(answer.json?["success"] as? Bool == true)
        #expect(data(answer)["name"] as? String == "Tea")
    }

    @Test func notModifiedWithNoContentWhenItMatches() throws {
        let shop = try shop()
        let whole = try get(shop)
        for known in ["\"v5\"", "W/\"v5\"", "*", "\"v4\", \"v5\""] {
            let answer = try get(shop, "/api/v1/products/1", ("If-None-Match", known))
            #expect(answer.status == 304 && answer.body.isEmpty, "\(known)")
            for name in ["etag", "cache-control", "vary"] {
                #expect(answer.fields[name] == whole.fields[name])
            }
            #expect(answer.fields["last-modified"] != nil)
            #expect(answer.fields["content-length"] == nil && answer.fields["content-type"] == nil)
        }
    }

    @Test func okWithDataVersion5WhenItDiffers() throws {
        let answer = try get(try shop(), "/api/v1/products/1", ("If-None-Match", "\"v4\""))
        #expect(answer.status == 200)
        #expect(data(answer)["version"] as? Int == 5)
    }

    @Test func changesSince2025HasATotalOf100ForAHundredProducts() throws {
        let shop = try Shop()
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
            INSERT INTO products(business_id, name) SELECT \(shop.business), 'p' || i FROM n;
            """)
        let answer = try get(shop, "/api/v1/sync/changes?since=2025-01-01T00:00:00Z")
        #expect(answer.status == 200)
        let products = (answer.json?["data"] as? [String: [String: Any]])?["products"]
        #expect(products?["total"] as? Int == 100)
    }

    @Test func aDateIsEnoughOnceItHasSettled() throws {
        let shop = try shop()
        let young = try #require(
            try waitFor(seconds: 30) { () -> String? in
                let start = Date()
                try shop.daemon.sql("UPDATE products SET price=price||'0';")
                let date = try get(shop).fields["last-modified"]
                return -start.timeIntervalSinceNow < 1 ? date : nil
            })
        // What came in within two seconds of a change is sent again, once.
        let sent = try waitFor(seconds: 30) {
            let answer = try get(shop)
            return answer.fields["last-modified"] != young ? answer : nil
        }
        let settled = try #require(sent?.fields["last-modified"])
        #expect(try get(shop, "/api/v1/products/1", ("If-Modified-Since", young)).status == 200)
        let known = try get(shop, "/api/v1/products/1", ("If-Modified-Since", settled))
        #expect(known.status == 304 && known.body.isEmpty && known.fields["last-modified"] == settled)
        let tagDecides = try get(
            shop, "/api/v1/products/1", ("If-Modified-Since", settled), ("If-None-Match", "\"v1\""))
        #expect(tagDecides.status == 200)
        try shop.daemon.sql("UPDATE products SET price='9.00';")
        #expect(try get(shop, "/api/v1/products/1", ("If-Modified-Since", settled)).status == 200)
    }

    @Test func theDateOutlivesTheJournal() throws {
        let shop = try shop()
        let settled = try waitFor(seconds: 30) {
            let date = try get(shop).fields["last-modified"]
            return try get(shop, "/api/v1/products/1", ("If-Modified-Since", date ?? "")).status == 304
                ? date : nil
        }
        #expect(settled != nil)
        try shop.product("Coffee")
        try shop.daemon.sql("DELETE FROM tidings_journal WHERE seq < (SELECT max(seq) FROM tidings_journal);")
        #expect(try get(shop).fields["last-modified"] == settled)
    }

    @Test func headSaysTheSameWithoutTheBody() throws {
        let shop = try shop()
        let whole = try get(shop)
        let head = try get(shop, method: "HEAD")
        #expect(head.status == 200 && head.body.isEmpty)
        for name in ["etag", "content-length", "content-type", "cache-control", "vary"] {
            #expect(head.fields[name] == whole.fields[name], "\(name)")
        }
        #expect(
            try get(shop, "/api/v1/products/1", ("If-None-Match", "\"v5\""), method: "HEAD").status == 304)
    }

    @Test func chosenFieldsAreAnotherRepresentation() throws {
        let shop = try shop()
        let some = try get(shop, "/api/v1/products/1?fields=price,name")
        #expect(data(some).keys.sorted() == ["created_at", "id", "name", "price", "updated_at", "version"])
        let tag = try #require(some.fields["etag"])
        #expect(tag.hasPrefix("\"v5-") && tag.utf8.count == 13)
        #expect(try get(shop, "/api/v1/products/1?fields=name,price,id").fields["etag"] == tag)
        #expect(try get(shop, "/api/v1/products/1?fields=name").fields["etag"] != tag)
        #expect(
            try get(shop, "/api/v1/products/1?fields=name,price", ("If-None-Match", "\"v5\"")).status == 200)
        #expect(try get(shop, "/api/v1/products/1?fields=name,price", ("If-None-Match", tag)).status == 304)
        let none = try get(shop, "/api/v1/products/1?fields=")
        #expect(data(none).keys.sorted() == ["created_at", "id", "updated_at", "version"])
        let wrong = try get(shop, "/api/v1/products/1?fields=name,secret")
        #expect(wrong.status == 422 && wrong.json?["errors"] is [String: Any])
        #expect(try get(shop, "/api/v1/products/1?embed=category").status == 422)
    }

    @Test func ownedChildrenTravelInsideTheRecordOrAreLeftOut() throws {
        let daemon = try Daemon(attachedTo: .stall)
        let token = try daemon.register("till", by: try daemon.owner(of: 7))
        func order(_ query: String, _ headers: (String, String)...) throws -> Answer {
            try daemon.ask("GET", "/api/v1/orders/1" + query, token: token, headers: headers)
        }
        try daemon.sql(
            """
            INSERT INTO orders(id, note) VALUES(1, 'a'), (2, 'b');
            INSERT INTO order_lines VALUES(1, 2, 'tea', 3), (1, 1, 'milk', 1), (2, 1, 'foreign', 9);
            """)
        let whole = try order("")
        let lines = try #require(data(whole)["lines"] as? [[String: Any]])
        #expect(lines.map { $0["item"] as? String } == ["milk", "tea"] && lines[1]["quantity"] as? Int == 3)
        let tag = try #require(whole.fields["etag"])
        // Asking for all there is, is asking for the record.
        let named = try order("?embed=lines")
        #expect(named.fields["etag"] == tag && named.body == whole.body)
        let own = ["id", "version"]
        for (query, names) in [
            ("?embed=", ["note"]), ("?fields=note", ["note"]), ("?fields=lines", ["lines"]),
            ("?fields=&embed=lines", ["lines"]), ("?fields=note&embed=lines", ["lines", "note"]),
        ] {
            let some = try order(query)
            #expect(data(some).keys.sorted() == (own + names).sorted(), "\(query)")
            #expect((some.fields["etag"] == tag) == (names.count == 2), "\(query)")
        }
        #expect(try order("?embed=note").status == 422 && order("?embed=order_lines").status == 422)

        // A child's change is the record's.
        #expect(try order("", ("If-None-Match", tag)).status == 304)
        try daemon.sql("UPDATE order_lines SET quantity=4 WHERE order_id=1 AND place=2;")
        let after = try order("", ("If-None-Match", tag))
        #expect(
            after.status == 200 && data(after)["version"] as? Int == (data(whole)["version"] as? Int ?? 0) + 1
        )
        #expect((data(after)["lines"] as? [[String: Any]])?.last?["quantity"] as? Int == 4)
        try daemon.sql("DELETE FROM order_lines WHERE order_id=1;")
        #expect((data(try order(""))["lines"] as? [Any])?.isEmpty == true)
    }

    /// A restore gives the same versions to other bytes, and so must not give them the same tags.
    @Test func aLaterHistoryHasOtherTags() throws {
        let shop = try shop()
        #expect(try get(shop).fields["etag"] == "\"v5\"")
        let epoch = try shop.daemon.sql("SELECT value FROM tidings_meta WHERE key='epoch';")
        shop.daemon.terminate()
        try shop.daemon.sql("UPDATE tidings_meta SET value='0123456789ab' WHERE key='epoch';")
        try shop.daemon.start()
        let after = try get(shop)
        #expect(after.fields["etag"]?.hasPrefix("\"v5-") == true, "\(epoch)")
        #expect(try get(shop, "/api/v1/products/1", ("If-None-Match", "\"v5\"")).status == 200)
        shop.daemon.terminate()
        try shop.daemon.start()
        #expect(try get(shop).fields["etag"] == after.fields["etag"])
    }

    @Test func whatIsNotOnesOwnIsNotThere() throws {
        let shop = try shop()
        let other = try shop.daemon.newBusiness()
        try shop.daemon.sql(
            """
            INSERT INTO products(business_id, name) VALUES(\(other.id), 'foreign');
            INSERT INTO products(business_id, name) VALUES(\(shop.business), 'gone');
            DELETE FROM products WHERE name = 'gone';
            """)
        for id in ["2", "3", "99", "x", "1.0", "01", "-1", "99999999999999999999", "1/2"] {
            let answer = try get(shop, "/api/v1/products/\(id)", ("If-None-Match", "*"))
            #expect(answer.status == 404 && answer.json?["error"] as? String == "not_found", "\(id)")
        }
        for target in ["/api/v1/nothing/1", "/products/1", "/api/v1/products", "/api/v1/products/"] {
            #expect(try get(shop, target).status == 404, "\(target)")
        }
        #expect(try shop.daemon.ask("GET", "/api/v1/products/1").status == 401)
        let post = try get(shop, method: "POST")
        #expect(post.status == 405 && post.fields["allow"] == "GET, HEAD, OPTIONS")
        let narrow = try shop.daemon.tidings(
            "token", "create", "--business", "\(shop.business)", "--ability", "sync:read:brands"
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try shop.daemon.ask("GET", "/api/v1/products/1", token: narrow).status == 403)
    }

    // MARK: gzip

    private func unzipped(_ bytes: Data) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc"]
        let (input, output) = (Pipe.unshared(), Pipe.unshared())
        process.standardInput = input
        process.standardOutput = output
        try process.start()
        let feeding = Thread {
            input.fileHandleForWriting.write(bytes)
            try? input.fileHandleForWriting.close()
        }
        feeding.start()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return data
    }

    @Test func compressedAnswersAreTheSame() throws {
        let shop = try shop()
        try shop.daemon.sql(
            """
            UPDATE products SET description = printf('%.*c', 3000, 'x');
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
            INSERT INTO products(business_id, name, sku) SELECT \(shop.business), 'p' || i, 's' || i FROM n;
            """)
        let gzip = ("Accept-Encoding", "br;q=1, gzip;q=0.8")
        let record = try get(shop, "/api/v1/products/1", gzip)
        #expect(record.fields["content-encoding"] == "gzip" && record.fields["etag"] == "W/\"v6\"")
        #expect(record.body.count < 1_000)
        #expect(try unzipped(record.body) == get(shop).body)
        #expect(try get(shop, "/api/v1/products/1", gzip, ("If-None-Match", "W/\"v6\"")).status == 304)
        #expect(try get(shop, "/api/v1/products/2", gzip).fields["content-encoding"] == nil)
        // Whole and in lines, from the spool; and a page.
        for (target, accept) in [
            ("/sync/full", "application/json"), ("/sync/full", "application/x-ndjson"),
            ("/sync/full?limit=500", "*/*"),
        ] {
            let small = try get(shop, target, gzip, ("Accept", accept))
            let large = try get(shop, target, ("Accept", accept))
            #expect(small.fields["content-encoding"] == "gzip" && large.fields["content-encoding"] == nil)
            #expect(small.body.count * 4 < large.body.count)
            let both = try [unzipped(small.body), large.body].map { body in
                // All but the time at which it was read.
                String(decoding: body, as: UTF8.self).replacing(/"server_timestamp":"[^"]*"/, with: "")
            }
            #expect(both[0] == both[1])
            #expect(small.fields["vary"]?.contains("Accept-Encoding") == true)
        }
        let stream = try OpenStream(shop.daemon, token: shop.till, headers: [gzip])
        #expect(stream.fields["content-encoding"] == nil)
        #expect(try stream.next()?.type == "hello")
    }
}
