// Every limit has its answer: what stands in the configuration's table is what a client gets.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct LimitTests {
    private func turnedAway(_ daemon: Daemon, _ limit: String) throws -> Int? {
        try StreamTests.metric(daemon, #"tidings_connections_turned_away_total{limit="\#(limit)"}"#)
    }

    /// How often a limit of the configuration was met.
    static func met(_ daemon: Daemon, _ limit: String) throws -> Int? {
        try StreamTests.metric(daemon, #"tidings_limits_met_total{limit="\#(limit)"}"#)
    }

    @Test func connectionsOfOneAddressAreClosedUnanswered() throws {
        let daemon = try Daemon(["limits.connections_per_address=3"])
        var open = try (0..<3).map { _ in try TillSocket(port: daemon.port) }
        for socket in open {
            try socket.request("GET", "/nowhere")
            #expect(try socket.readAnswer().status == 404)
        }
        let fourth = try TillSocket(port: daemon.port)
        #expect(waitFor(seconds: 20) { fourth.isAtEnd() ? true : nil } == true)
        #expect(try turnedAway(daemon, "connections_per_address") == 1)
        #expect(try Self.met(daemon, "limits.connections_per_address") == 1)
        open.removeLast()
        #expect(waitFor(seconds: 20) { (try? daemon.ask("GET", "/nowhere"))?.status } == 404)
    }

    /// A proxy that is trusted speaks for many.
    @Test func aTrustedProxyIsNotCountedByAddress() throws {
        let daemon = try Daemon([
            "limits.connections_per_address=2", "server.trusted_proxies=127.0.0.1",
        ])
        let open = try (0..<5).map { _ in try TillSocket(port: daemon.port) }
        for socket in open {
            try socket.request("GET", "/nowhere")
            #expect(try socket.readAnswer().status == 404)
        }
    }

    @Test func connectionsInAllAreAnsweredInTheirOwnWords() throws {
        let daemon = try Daemon(["limits.connections=3"])
        let business = try daemon.newBusiness()
        let ticket = try #require(
            try daemon.ask("POST", "/sync/ticket", token: business.token).json?["ticket"] as? String)
        func fill() throws -> [TillSocket] {
            try (0..<3).map { _ in
                let socket = try TillSocket(port: daemon.port)
                try socket.request("GET", "/nowhere")
                _ = try socket.readAnswer()
                return socket
            }
        }
        let open = waitFor(seconds: 20) { try? fill() } ?? []
        let poll = try daemon.ask("GET", "/sync/full", token: business.token)
        #expect(poll.status == 503 && poll.fields["retry-after"] == "30")
        let stream = try OpenStream(daemon, query: "ticket=\(ticket)")
        #expect(stream.status == 200)
        let bye = try #require(try stream.next())
        #expect(bye.type == "bye" && bye.json["reason"] as? String == "overload")
        #expect(try #require(stream.retryMilliseconds) >= 10_000)
        #expect(try stream.untilEnd())
        // Far beyond, nobody is answered.
        let crowd = try (0..<30).map { _ in try TillSocket(port: daemon.port) }
        #expect(waitFor(seconds: 20) { crowd.contains { $0.isAtEnd() } ? true : nil } == true)
        #expect(try Self.met(daemon, "limits.connections") ?? 0 >= 3)
        withExtendedLifetime((open, crowd)) {}
    }

    @Test func bodiesTogetherHaveABound() throws {
        let daemon = try Daemon(["limits.bodies_size=1MiB", "limits.body_time=60s"])
        func begin() throws -> TillSocket {
            let socket = try TillSocket(port: daemon.port)
            try socket.write("POST /sync/ack HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            try socket.write([UInt8](repeating: 0x61, count: 700_000))
            return socket
        }
        let first = try begin()
        let isHeld = try waitFor(seconds: 20) {
            try StreamTests.metric(daemon, "tidings_request_bytes_held").flatMap {
                $0 >= 700_000 ? true : nil
            }
        }
        #expect(isHeld == true)
        let second = try begin().readAnswer()
        #expect(second.status == 503 && second.fields["retry-after"] != nil)
        #expect(try Self.met(daemon, "limits.bodies_size") == 1)
        // The first one is not the worse for it.
        try first.write([UInt8](repeating: 0x61, count: 300_000))
        #expect(try first.readAnswer().status == 401)
        let isEmpty = try waitFor(seconds: 20) {
            try StreamTests.metric(daemon, "tidings_request_bytes_held").flatMap { $0 < 1_000 ? true : nil }
        }
        #expect(isEmpty == true)
    }

    @Test func headsBodiesAndTimes() throws {
        let daemon = try Daemon([
            "limits.head_size=2KiB", "limits.body_size=1KiB", "limits.head_time=1s", "limits.body_time=1s",
            "limits.idle_time=1s",
        ])
        func answer(_ text: String) throws -> Int {
            let socket = try TillSocket(port: daemon.port)
            try socket.write(text)
            let answer = try socket.readAnswer()
            // Also when it was no HTTP.
            #expect(answer.fields["content-type"] == "application/json", "\(text.prefix(40))")
            #expect(answer.json?["error"] is String && answer.json?["message"] is String)
            #expect(answer.fields["x-request-id"] != nil && answer.fields["x-server-timestamp"] != nil)
            return answer.status
        }
        #expect(try answer("hello\r\n\r\n") == 400)
        #expect(try answer("GET / HTTP/1.1\r\n\r\n") == 400)
        #expect(try answer("BREW / HTTP/1.1\r\nHost: a\r\n\r\n") == 501)
        #expect(try answer("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 505)
        let long = String(repeating: "a", count: 9_000)
        #expect(try answer("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n") == 414)
        #expect(try answer("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n") == 431)
        #expect(try answer("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n") == 413)
        #expect(try answer("GET / HTTP/1.1\r\nHost: a\r\n") == 408)
        #expect(try answer("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n") == 408)
        let idle = try TillSocket(port: daemon.port)
        try idle.request("GET", "/nowhere")
        #expect(try idle.readAnswer().status == 404)
        #expect(waitFor(seconds: 20) { idle.isAtEnd() ? true : nil } == true)
        for (limit, count) in [
            ("head_size", 2), ("body_size", 1), ("head_time", 1), ("body_time", 1), ("idle_time", 1),
        ] {
            #expect(try Self.met(daemon, "limits.\(limit)") == count, "\(limit)")
        }
    }

    /// While one long download is read, another is told to come back; a neighbour's is not refused for a
    /// business's own limit.
    @Test(arguments: ["reads_in_flight", "reads_in_flight_per_business"])
    func readsInFlightHaveABound(_ limit: String) throws {
        let shop = try StreamTests.Shop(["limits.\(limit)=1"])
        let other = try shop.daemon.newBusiness()
        try shop.largeProducts(20_000)
        // Of two that are asked for at once one is read, whichever came first.
        let downloads = try ["products", "products,brands"].map { entities in
            let socket = try TillSocket(port: shop.daemon.port)
            try socket.request(
                "GET", "/sync/full?entities=\(entities)",
                headers: [("Authorization", "Bearer \(shop.till)")])
            return socket
        }
        let heads = try downloads.map { try $0.readHead(within: 60) }
        #expect(heads.map(\.status).sorted() == [200, 503])
        #expect(heads.first { $0.status == 503 }?.fields["retry-after"] != nil)
        if limit == "reads_in_flight_per_business" {
            #expect(
                try shop.daemon.ask("GET", "/sync/full?entities=brands", token: other.token).status == 200)
        }
        #expect(try Self.met(shop.daemon, "limits.\(limit)") ?? 0 > 0)
    }

    /// Pages in memory and whole downloads on the disk that one till does not take: beyond the bound its
    /// business is told to come back, or everybody is; what is small is answered all the same.
    @Test(arguments: ["answers", "downloads"], ["size", "size_per_business"])
    func whatWaitsToBeTakenHasABound(_ what: String, _ size: String) throws {
        let shop = try StreamTests.Shop(["limits.\(what)_\(size)=6MiB", "limits.write_time=1h"])
        let other = try shop.daemon.newBusiness()
        // A page ends after 4 MiB.
        try shop.largeProducts(1_500)
        try shop.largeProducts(1_500, of: other.id)
        let limit = what == "answers" ? "&limit=10000" : ""
        func held() throws -> Int? {
            try StreamTests.metric(shop.daemon, "tidings_\(what.dropLast())_bytes_held")
        }
        var slow: TillSocket? = try TillSocket(port: shop.daemon.port, receiveBuffer: 4_096)
        try slow?.request(
            "GET", "/sync/full?entities=products\(limit)",
            headers: [("Authorization", "Bearer \(shop.till)")])
        #expect(try slow?.readHead().status == 200)
        #expect(try #require(try held()) > 4 << 20)

        // Another set, or the same file would be sent.
        let target = "/sync/full?entities=products,brands\(limit)"
        let second = try shop.daemon.ask("GET", target, token: shop.till)
        #expect(second.status == 503 && second.fields["retry-after"] != nil)
        #expect(try Self.met(shop.daemon, "limits.\(what)_\(size)") == 1)
        let neighbour = try shop.daemon.ask("GET", target, token: other.token)
        #expect(neighbour.status == (size == "size" ? 503 : 200))
        let small = try shop.daemon.ask("GET", "/sync/full?entities=brands", token: shop.till)
        #expect(small.status == 200)
        slow = nil
        let isServed = waitFor(seconds: 20) {
            (try? shop.daemon.ask("GET", target, token: shop.till))?.status == 200 ? true : nil
        }
        #expect(isServed == true)
        #expect(try waitFor(seconds: 20) { try held() == 0 ? true : nil } == true)
    }

    @Test(arguments: ["waiting", "waiting_per_business"])
    func uploadsThatWaitHaveABound(_ limit: String) throws {
        let till = try Uploader(Daemon(["uploads.\(limit)=1", "database.busy_timeout=20s"]))
        let lock = try WriteLock(till.daemon)
        let body = try Uploader.json([
            "operations": [Uploader.operation("create", "parties", ["name": "Ann"])]
        ])
        let first = try TillSocket(port: till.daemon.port)
        try first.request(
            "POST", "/api/v1/sync/batch", headers: [("Authorization", "Bearer \(till.token)")],
            body: Data(body.utf8))
        let isWaiting = try waitFor(seconds: 20) {
            try StreamTests.metric(till.daemon, "tidings_uploads_waiting") == 1 ? true : nil
        }
        #expect(isWaiting == true)
        let second = try till.send([Uploader.operation("create", "parties", ["name": "Bea"])])
        #expect(second.status == 503 && second.answer.fields["retry-after"] != nil)
        #expect(try Self.met(till.daemon, "uploads.\(limit)") == 1)
        try lock.release()
        #expect(try first.readAnswer(to: "POST").status == 200, "and the first one is not the worse for it")
    }
}
