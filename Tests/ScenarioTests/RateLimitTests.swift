// Rate limits as clients meet them: what counts towards what, what is said, and who never pays for whom.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct RateLimitTests {
    private static let planned = [
        "rates.general=60", "rates.sync=30", "rates.batch=10", "rates.authentication=5",
        "rates.continuation=600",
    ]

    private struct Standing: Equatable {
        var limit: Int
        var remaining: Int

        init(_ limit: Int, _ remaining: Int) {
            self.limit = limit
            self.remaining = remaining
        }

        init?(_ fields: [String: String]) {
            guard let limit = fields["x-ratelimit-limit"].flatMap({ Int($0) }),
                let remaining = fields["x-ratelimit-remaining"].flatMap({ Int($0) }),
                let reset = fields["x-ratelimit-reset"].flatMap({ Double($0) })
            else { return nil }
            let wait = reset - Date().timeIntervalSince1970
            guard wait > -30, wait <= 61 else { return nil }
            self.init(limit, remaining)
        }
    }

    @Test func everyAnswerSaysHowManyAreLeft() throws {
        let shop = try StreamTests.Shop(Self.planned)
        try shop.product("Tea")
        func standing(
            _ method: String, _ target: String, _ headers: (String, String)..., body: String? = nil
        )
            throws -> (Int, Standing?)
        {
            let answer = try shop.daemon.ask(method, target, token: shop.till, headers: headers, body: body)
            return (answer.status, Standing(answer.fields))
        }
        let full = try shop.daemon.ask("GET", "/sync/full", token: shop.till)
        #expect(Standing(full.fields) == Standing(30, 29))
        let token = try #require(full.json?["sync_token"] as? String)
        #expect(try standing("GET", "/sync/changes?sync_token=\(token)") == (200, Standing(30, 28)))
        #expect(
            try standing("GET", "/sync/changes?sync_token=\(token)", ("If-None-Match", "*"))
                == (304, Standing(30, 27)))
        #expect(try standing("GET", "/sync/changes?sync_token=AA") == (410, Standing(30, 26)))
        #expect(try standing("GET", "/sync/changes") == (422, Standing(30, 25)))
        #expect(try standing("GET", "/api/v1/products/1") == (200, Standing(60, 59)))
        #expect(
            try standing("HEAD", "/api/v1/products/1", ("If-None-Match", "\"v1\"")) == (304, Standing(60, 58))
        )
        #expect(try standing("GET", "/api/v1/nothing") == (404, Standing(60, 57)))
        #expect(try standing("DELETE", "/api/v1/sync/full") == (405, Standing(60, 56)))
        // What a client must do to go on has a window of its own.
        #expect(
            try standing("GET", "/sync/changes?wait=1&sync_token=\(token)") == (200, Standing(600, 599)))
        let page = try shop.daemon.ask("GET", "/sync/full?limit=1&entities=products", token: shop.till)
        #expect(Standing(page.fields) == Standing(30, 24))
        #expect(
            try standing("POST", "/sync/ack", body: "{\"sync_token\":\"\(token)\"}") == (
                204, Standing(600, 598)
            ))
        #expect(try standing("POST", "/sync/ticket") == (200, Standing(600, 597)))
        let stream = try OpenStream(shop.daemon, token: shop.till)
        #expect(stream.status == 200 && Standing(stream.fields) == Standing(600, 596))
        // Not: preflights, static files, the operators' side.
        for (method, target, port) in [
            ("OPTIONS", "/sync/full", shop.daemon.port), ("GET", "/demo/", shop.daemon.port),
            ("GET", "/metrics", shop.daemon.adminPort),
        ] {
            let answer = try TillSocket.ask(port: port, method, target)
            #expect(answer.status < 300 && answer.fields["x-ratelimit-limit"] == nil, "\(target)")
        }
    }

    /// Too large, too late, malformed behind its head: it says so too, and of the right window.
    @Test func whatIsRefusedUnreadSaysItToo() throws {
        let shop = try StreamTests.Shop(
            Self.planned + [
                "limits.body_size=1KiB", "limits.body_time=1s", "browser.origins=https://till.example",
            ])
        func refuse(_ target: String, _ rest: String, as token: String? = nil) throws -> Answer {
            let socket = try TillSocket(port: shop.daemon.port)
            try socket.write(
                "POST \(target) HTTP/1.1\r\nHost: a\r\nOrigin: https://till.example\r\n"
                    + "Authorization: Bearer \(token ?? shop.till)\r\n\(rest)")
            return try socket.readAnswer()
        }
        let batch = "/api/v1/sync/batch"
        for (number, (rest, status)) in [
            ("Content-Length: 2000\r\n\r\n", 413), ("Content-Length: 9\r\n\r\n{", 408),
            ("Transfer-Encoding: chunked\r\n\r\nx\r\n", 400), ("Content-Length: +1\r\n\r\n", 400),
            ("Transfer-Encoding: gzip\r\n\r\n", 501),
        ].enumerated() {
            let answer = try refuse(batch, rest)
            #expect(answer.status == status && Standing(answer.fields) == Standing(10, 9 - number), "\(rest)")
            #expect(answer.json?["error"] is String)
            // Without it no browser lets its page read why.
            #expect(answer.fields["access-control-allow-origin"] == "https://till.example")
        }
        let strange = try refuse(batch, "Content-Length: 2000\r\n\r\n", as: "1|nonsense")
        #expect(strange.status == 413 && Standing(strange.fields) == Standing(60, 59))
        let elsewhere = try refuse("/client/tidings.js", "Content-Length: 2000\r\n\r\n")
        #expect(elsewhere.status == 413 && elsewhere.fields["x-ratelimit-limit"] == nil)
    }

    @Test func theDoorSaysIt() throws {
        let shop = try StreamTests.Shop(Self.planned + ["limits.connections=1"])
        let held = try TillSocket(port: shop.daemon.port)
        try held.write("GET /api/v1/sync/full HTTP/1.1\r\n")
        // The place is taken once others are turned away.
        let answer = try waitFor(seconds: 20) {
            let answer = try shop.daemon.ask("GET", "/api/v1/products/1", token: shop.till)
            return answer.status == 503 ? answer : nil
        }
        let standing = try #require(answer.flatMap { Standing($0.fields) })
        #expect(standing.limit == 60)
    }

    @Test func aPageTokenCountsAsGoingOn() throws {
        let shop = try StreamTests.Shop(Self.planned)
        for number in 1...3 { try shop.product("p\(number)") }
        let page = try shop.daemon.ask("GET", "/sync/full?limit=1&entities=products", token: shop.till)
        let token = try #require(page.json?["sync_token"] as? String)
        let next = try shop.daemon.ask(
            "GET", "/sync/changes?limit=1&entities=products&sync_token=\(token)", token: shop.till)
        #expect(Standing(next.fields) == Standing(600, 599))
    }

    @Test func beyondTheLimitOneWaitsAndOthersDoNot() throws {
        let shop = try StreamTests.Shop(Self.planned)
        let other = try shop.daemon.register("other", by: shop.owner)
        for _ in 0..<30 {
            #expect(try shop.daemon.ask("GET", "/sync/full?entities=vats", token: shop.till).status == 200)
        }
        let refused = try shop.daemon.ask("GET", "/sync/full?entities=vats", token: shop.till)
        #expect(refused.status == 429)
        #expect(refused.json?["message"] as? String == "Too Many Attempts.")
        #expect(refused.json?["error"] as? String == "rate_limited")
        #expect(Standing(refused.fields) == Standing(30, 0))
        let wait = try #require(refused.fields["retry-after"].flatMap { Int($0) })
        #expect((1...60).contains(wait))
        // Another till behind the same address, and another group of the same till.
        #expect(try shop.daemon.ask("GET", "/sync/full?entities=vats", token: other).status == 200)
        #expect(try shop.daemon.ask("POST", "/sync/ticket", token: shop.till).status == 200)
        let metrics = String(
            decoding: try TillSocket.ask(port: shop.daemon.adminPort, "GET", "/metrics").body, as: UTF8.self)
        #expect(metrics.contains("tidings_rate_limited_total{group=\"sync\"} 1\n"))
    }

    /// A till's windows are its own, whichever token it shows.
    @Test func aNewTokenBringsNoNewWindow() throws {
        let shop = try StreamTests.Shop(["rates.general=4", "rates.sync=2"])
        for _ in 0..<2 {
            #expect(try shop.daemon.ask("GET", "/sync/full?entities=vats", token: shop.till).status == 200)
        }
        var token = try shop.daemon.register("till", by: shop.till)
        #expect(try shop.daemon.ask("GET", "/sync/full?entities=vats", token: token).status == 429)
        for _ in 0..<3 { token = try shop.daemon.register("till", by: token) }
        let body = #"{"device_id":"till","name":"till"}"#
        #expect(try shop.daemon.ask("POST", "/sync/register", token: token, body: body).status == 429)
    }

    @Test func onlyFailuresCountPerAddressAndHoldUpNobodyElse() throws {
        let shop = try StreamTests.Shop(Self.planned)
        var statuses: [Int] = []
        for attempt in 1...7 {
            let answer = try shop.daemon.ask("GET", "/sync/full", token: "\(attempt)|nonsense")
            statuses.append(answer.status)
            #expect(Standing(answer.fields) == Standing(5, max(0, 5 - attempt)))
        }
        #expect(statuses == [401, 401, 401, 401, 401, 429, 429])
        // No token, a wrong code: the same window. A stream is told 401 all the same.
        #expect(try shop.daemon.ask("GET", "/sync/full").status == 429)
        let code = try shop.daemon.ask(
            "POST", "/sync/register", body: #"{"device_id":"d","name":"d","enrolment_code":"wrong"}"#)
        #expect(code.status == 429)
        #expect(try OpenStream(shop.daemon, token: "1|nonsense").status == 401)
        // Whoever has a good credential notices nothing.
        #expect(try shop.daemon.ask("GET", "/sync/full", token: shop.till).status == 200)
        _ = try shop.daemon.register("newcomer", by: shop.owner)
    }

    @Test func fiftyTillsBehindOneAddressCanStart() throws {
        let shop = try StreamTests.Shop(Self.planned)
        let code = try shop.daemon.tidings(
            "device", "enrol", "--business", "\(shop.business)", "--uses", "50"
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        for number in 1...50 {
            let answer = try shop.daemon.ask(
                "POST", "/sync/register",
                body: #"{"device_id":"t\#(number)","name":"t","enrolment_code":"\#(code)"}"#)
            let data = answer.json?["data"] as? [String: Any]
            let token = try #require(data?["token"] as? String, "\(number): \(answer.status)")
            #expect(try shop.daemon.ask("GET", "/sync/full?entities=vats", token: token).status == 200)
        }
    }

    @Test func aStreamIsNeverRefusedWith429() throws {
        let shop = try StreamTests.Shop(["rates.continuation=3"])
        for _ in 0..<3 {
            let stream = try OpenStream(shop.daemon, token: shop.till)
            #expect(try stream.next()?.type == "hello")
        }
        let beyond = try OpenStream(shop.daemon, token: shop.till)
        #expect(beyond.status == 200 && Standing(beyond.fields) == Standing(3, 0))
        let bye = try #require(try beyond.next())
        #expect(bye.type == "bye" && bye.json["reason"] as? String == "overload")
        #expect((1_000...61_000).contains(bye.json["retry_ms"] as? Int ?? 0))
        #expect(try beyond.untilEnd())
    }

    @Test func aTrustedProxySpeaksForItsClients() throws {
        let shop = try StreamTests.Shop(Self.planned + ["server.trusted_proxies=127.0.0.1"])
        func ask(_ client: String) throws -> Int {
            try shop.daemon.ask(
                "GET", "/sync/full", token: "1|nonsense", headers: [("X-Forwarded-For", client)]
            ).status
        }
        for _ in 0..<5 { #expect(try ask("203.0.113.9, 192.0.2.1") == 401) }
        #expect(try ask("198.51.100.77, 192.0.2.1") == 429)
        #expect(try ask("192.0.2.2") == 401)
    }
}
