// The stream, end to end: which event carries which id, what is refused and how, how a stream ends.

import Domain
import Foundation
import Synchronization
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct StreamTests {
    /// A daemon with one business and one till.
    struct Shop {
        let daemon: Daemon
        let business: Int
        let owner: String
        let till: String

        init(_ settings: [String] = []) throws {
            daemon = try Daemon(settings)
            (business, owner) = try daemon.newBusiness()
            till = try daemon.register("till", by: owner)
        }

        func product(_ name: String) throws {
            try daemon.sql("INSERT INTO products(business_id,name) VALUES(\(business),'\(name)');")
        }

        /// Products of three kilobytes each.
        func largeProducts(_ count: Int, of business: Int? = nil) throws {
            try daemon.sql(
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
                INSERT INTO products(business_id,name,description)
                SELECT \(business ?? self.business), 'p' || i, replace(hex(zeroblob(1500)), '00', 'ab') FROM n;
                """)
        }
    }

    @Test func aCommittedRowReachesTheTill() throws {
        let shop = try Shop()
        let stream = try OpenStream(shop.daemon, token: shop.till)
        #expect(stream.status == 200)
        #expect(stream.fields["content-type"] == "text/event-stream; charset=utf-8")
        #expect(stream.fields["cache-control"] == "no-cache, no-store, no-transform")
        #expect(stream.fields["x-accel-buffering"] == "no")
        #expect(try stream.next()?.type == "hello")
        #expect(try stream.next()?.type == "ready")
        #expect(stream.retryMilliseconds != nil)
        try shop.product("Tea")
        let change = try #require(try stream.next("change"))
        let record = try #require(change.list("products", "created").first as? [String: Any])
        #expect(record["name"] as? String == "Tea")
        #expect(change.lastEventID == change.json["sync_token"] as? String)
        try shop.daemon.sql("UPDATE products SET name='Green tea'; ")
        let update = try #require(try stream.next("change"))
        #expect((update.list("products", "updated").first as? [String: Any])?["version"] as? Int == 2)
        #expect(update.number("from") == change.number("to"))
        try shop.daemon.sql("DELETE FROM products;")
        #expect(try #require(try stream.next("change")).list("products", "deleted").count == 1)
    }

    @Test func idsSayWhatWasWrittenAndNothingMore() throws {
        let shop = try Shop()
        try shop.product("Tea")
        let full = try shop.daemon.ask("GET", "/sync/full", token: shop.till)
        let token = try #require(full.json?["sync_token"] as? String)
        try shop.product("Coffee")
        try shop.daemon.untilRead()
        // Resumed: hello repeats what was presented, ready and heartbeat stand where the stream stands.
        let stream = try OpenStream(shop.daemon, token: shop.till, lastEventID: token)
        let hello = try #require(try stream.next("hello"))
        #expect(hello.lastEventID == token)
        let change = try #require(try stream.next("change"))
        #expect(change.list("products", "created").count == 1)
        let ready = try #require(try stream.next("ready"))
        #expect(position(ready.lastEventID) == ready.number("to"))
        #expect(ready.number("replayed") == 1)
        let heartbeat = try #require(try stream.next("heartbeat"))
        #expect(position(heartbeat.lastEventID) == heartbeat.number("to"))
        #expect(try #require(heartbeat.number("from")) <= (try #require(ready.number("to"))))
        // Quiet for this till, but not for the journal: the position goes on.
        let other = try shop.daemon.newBusiness()
        try shop.daemon.sql("INSERT INTO products(business_id,name) VALUES(\(other.id),'Elsewhere');")
        let later = try waitFor(seconds: 10) {
            try stream.next("heartbeat").flatMap { $0.number("to") ?? 0 > ready.number("to") ?? 0 ? $0 : nil }
        }
        #expect(later?.lastEventID.isEmpty == false)
        #expect(!stream.seen.contains { $0.data.contains("Elsewhere") })
    }

    @Test func onlyTheEntitiesAskedForArrive() throws {
        let shop = try Shop()
        let stream = try OpenStream(shop.daemon, token: shop.till, query: "entities=brands")
        _ = try stream.next("ready")
        try shop.product("Tea")
        try shop.daemon.sql("INSERT INTO brands(business_id,name) VALUES(\(shop.business),'Leaf');")
        let change = try #require(try stream.next("change"))
        #expect((change.json["data"] as? [String: Any])?.keys.sorted() == ["brands"])
        #expect(!stream.seen.contains { $0.data.contains("Tea") })
    }

    @Test func aTransactionLargerThanAFrameArrivesWhole() throws {
        let shop = try Shop(["pages.frame_max_records=200"])
        let stream = try OpenStream(shop.daemon, token: shop.till)
        _ = try stream.next("ready")
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5000)
            INSERT INTO products(business_id,name) SELECT \(shop.business), 'bulk '||i FROM n;
            """)
        var count = 0
        var isWhole = false
        while !isWhole, let event = try stream.next("change", within: 20) {
            count += event.list("products", "created").count
            isWhole = event.json["has_more"] as? Bool == false
        }
        #expect(count == 5_000)
        try shop.product("after")
        #expect(try stream.next("change")?.list("products", "created").count == 1)
    }

    @Test func theNinthStreamOfADeviceIsTurnedAway() throws {
        let shop = try Shop()
        let open = try (0..<8).map { _ in try OpenStream(shop.daemon, token: shop.till) }
        for stream in open { #expect(try stream.next()?.type == "hello") }
        let ninth = try OpenStream(shop.daemon, token: shop.till)
        #expect(ninth.status == 200)
        let bye = try #require(try ninth.next())
        #expect(bye.type == "bye" && bye.json["reason"] as? String == "limit" && !bye.carriedID)
        #expect(try #require(ninth.retryMilliseconds) >= 600_000)
        #expect(try ninth.untilEnd())
        try shop.product("Tea")
        for stream in open { #expect(try stream.next("change") != nil) }
    }

    @Test func aBusinessHasOnlySoManyStreams() throws {
        let shop = try Shop(["limits.streams_per_business=2"])
        let open = try (0..<2).map { _ in try OpenStream(shop.daemon, token: shop.till) }
        for stream in open { _ = try #require(try stream.next("ready")) }
        let third = try OpenStream(shop.daemon, token: shop.till)
        #expect(third.status == 200)
        #expect(try third.next()?.json["reason"] as? String == "overload")
        #expect(try third.untilEnd())
        // Another business is not concerned.
        let other = try shop.daemon.newBusiness()
        #expect(try OpenStream(shop.daemon, token: other.token).next("ready") != nil)
        let counted = try StreamTests.metric(
            shop.daemon, #"tidings_streams_turned_away_total{reason="overload"}"#)
        #expect(counted == 1)
        #expect(try LimitTests.met(shop.daemon, "limits.streams_per_business") == 1)
    }

    @Test func revocationByAnotherProcessCutsTheStreamWithinASecond() throws {
        let shop = try Shop()
        let stream = try OpenStream(shop.daemon, token: shop.till)
        _ = try stream.next("ready")
        try shop.daemon.tidings("token", "revoke", String(shop.till.prefix { $0 != "|" }))
        let bye = try #require(try stream.next("bye"))
        #expect(bye.json["reason"] as? String == "revoked")
        #expect(try stream.untilEnd())
        #expect(try OpenStream(shop.daemon, token: shop.till).status == 401)
    }

    /// `revoked` makes a till forget everything: it is not said of a token that was renewed or has expired.
    @Test(arguments: ["renewed", "expired"])
    func aTokenThatEndsOtherwiseIsACredential(_ end: String) throws {
        let shop = try Shop()
        let stream = try OpenStream(shop.daemon, token: shop.till)
        _ = try stream.next("ready")
        if end == "renewed" {
            _ = try shop.daemon.register("till", by: shop.till)
        } else {
            _ = try shop.daemon.gatewaySQL(
                "UPDATE tidings_tokens SET expires_at = 1 WHERE id = \(shop.till.prefix { $0 != "|" });")
        }
        #expect(try stream.next("bye")?.json["reason"] as? String == "credential")
        #expect(try stream.untilEnd())
        #expect(try OpenStream(shop.daemon, token: shop.till).status == 401)
    }

    @Test func aByteReceivedOnAnOpenStreamEndsIt() throws {
        let shop = try Shop()
        let stream = try OpenStream(shop.daemon, token: shop.till)
        _ = try stream.next("ready")
        try stream.socket.write("x")
        #expect(try stream.untilEnd())
    }

    /// Behind another request in one packet, too.
    @Test func aByteEndsAStreamThatWasPipelined() throws {
        let shop = try Shop()
        let socket = try TillSocket(port: shop.daemon.port)
        let head = "Host: till\r\nAuthorization: Bearer \(shop.till)\r\n\r\n"
        try socket.write(
            "GET /sync/changes HTTP/1.1\r\n\(head)GET /sync/stream HTTP/1.1\r\n\(head)")
        #expect(try socket.readAnswer().status == 422)
        #expect(try socket.readHead().0 == 200)
        try socket.write("x")
        let isOver = try waitFor(seconds: 10) { try socket.read(within: 1)?.isEmpty == true ? true : nil }
        #expect(isOver == true)
    }

    /// `Last-Event-ID:` without a value does not hide the token of the query.
    @Test func anEmptyLastEventIDIsNone() throws {
        let shop = try Shop()
        let full = try shop.daemon.ask("GET", "/sync/full", token: shop.till)
        let token = try #require(full.json?["sync_token"] as? String)
        try shop.product("Tea")
        let stream = try OpenStream(
            shop.daemon, token: shop.till, lastEventID: "", query: "sync_token=\(token)")
        #expect(try stream.next("hello")?.lastEventID == token)
        #expect(try stream.next("change")?.list("products", "created").count == 1)
    }

    /// Its socket is full: it cannot be told, and must not go on to read what waits for it.
    @Test func aRevokedStreamThatDoesNotReadIsCut() throws {
        let shop = try Shop(["stream.heartbeat=60s", "stream.send_buffer=8KiB"])
        let sleeper = try OpenStream(shop.daemon, token: shop.till, receiveBuffer: 2_048)
        _ = try #require(try sleeper.next("ready"))
        // More than every buffer on the way takes.
        for _ in 0..<40 { try shop.product(String(repeating: "x", count: 20_000)) }
        func isBlocked() throws -> Bool? {
            try Self.metric(shop.daemon, #"tidings_streams_by_state{state="blocked"}"#) == 1
                ? true : nil
        }
        #expect(try waitFor(seconds: 20, isBlocked) == true)
        try shop.daemon.tidings("token", "revoke", String(shop.till.prefix { $0 != "|" }))
        let closed = try waitFor(seconds: 20) {
            try Self.metric(shop.daemon, #"tidings_streams_closed_total{reason="revoked"}"#) == 1 ? true : nil
        }
        #expect(closed == true)
    }

    @Test func aClientThatNeverReadsIsCutAndOthersAreServed() throws {
        let shop = try Shop([
            "stream.slow_age=2s", "stream.slow_size=64KiB", "stream.tail_size=64KiB",
            "stream.send_buffer=8KiB",
        ])
        let sleeper = try OpenStream(shop.daemon, token: shop.till, receiveBuffer: 2_048)
        let reader = try OpenStream(shop.daemon, token: shop.till)
        _ = try reader.next("ready")
        let filler = String(repeating: "x", count: 20_000)
        for _ in 0..<40 {
            try shop.product(filler)
            #expect(try reader.next("change") != nil)
        }
        let slow = try waitFor(seconds: 15) {
            try Self.metric(shop.daemon, #"tidings_streams_closed_total{reason="slow"}"#).flatMap {
                $0 == 1 ? $0 : nil
            }
        }
        #expect(slow == 1)
        _ = sleeper
    }

    @Test func draining() throws {
        let shop = try Shop(["drain.window=5s"])
        let streams = try (0..<6).map { _ in try OpenStream(shop.daemon, token: shop.till) }
        for stream in streams { _ = try stream.next("ready") }
        let end = Mutex<Int32?>(nil)
        Thread.detachNewThread {
            let status = shop.daemon.terminate()
            end.withLock { $0 = status }
        }
        var retries: Set<Int> = []
        for stream in streams {
            let bye = try #require(try stream.next("bye", within: 10))
            #expect(bye.json["reason"] as? String == "drain")
            retries.insert(try #require((bye.json["retry_ms"] as? NSNumber)?.intValue))
            #expect(try stream.untilEnd())
        }
        #expect(retries.count > 1, "everybody was told to come back at the same moment")
        #expect(waitFor(seconds: 30) { end.withLock { $0 } } == 0)
        #expect(shop.daemon.log().contains(" notice ended"), "the log was not written to its end")
    }

    /// A gateway that leaves says so, takes nobody new in, and keeps the operators' side to the end.
    @Test func whileItDrainsItIsNotReadyAndRefusesNewcomers() throws {
        let shop = try Shop(["drain.window=20s", "drain.closes_per_second=1", "server.loops=1"])
        let streams = try (0..<6).map { _ in try OpenStream(shop.daemon, token: shop.till) }
        for stream in streams { _ = try stream.next("ready") }
        let late = try TillSocket(port: shop.daemon.port)
        try late.request("GET", "/sync/full", headers: [("Authorization", "Bearer \(shop.till)")])
        #expect(try late.readAnswer().status == 200)
        shop.daemon.beginDraining()
        let ready = try waitFor(seconds: 10) { () -> Answer? in
            let answer = try TillSocket.ask(port: shop.daemon.adminPort, "GET", "/readyz")
            return answer.status == 503 ? answer : nil
        }
        #expect(ready?.json?["ready"] as? Bool == false)
        #expect((ready?.json?["reasons"] as? [String])?.isEmpty == false)
        #expect(
            waitFor(seconds: 10) { (try? TillSocket(port: shop.daemon.port)) == nil ? true : nil } == true)
        // A connection from before: its stream request is told to come back.
        try late.request("GET", "/sync/stream", headers: [("Authorization", "Bearer \(shop.till)")])
        #expect(try late.readAnswer().status == 503)
        #expect(shop.daemon.terminate() == 0)
    }

    @Test func aStreamEndsAtItsAge() throws {
        let shop = try Shop(["stream.lifetime=2s"])
        let stream = try OpenStream(shop.daemon, token: shop.till)
        _ = try stream.next("ready")
        let bye = try #require(try stream.next("bye", within: 20))
        #expect(bye.json["reason"] as? String == "lifetime" && !bye.carriedID)
        #expect(try stream.untilEnd())
        // What it was told last is where it goes on.
        try shop.product("Tea")
        let last = try #require(stream.seen.last { $0.carriedID }?.lastEventID)
        let next = try OpenStream(shop.daemon, token: shop.till, lastEventID: last)
        #expect(try next.next("change")?.list("products", "created").count == 1)
    }

    /// In backlog a heartbeat stands at the last token written, and resuming from it loses nothing.
    @Test func aHeartbeatInBacklogPromisesOnlyWhatWasWritten() throws {
        let shop = try Shop([
            "limits.backlog_records_per_second=100", "pages.backlog_min_records=100",
            "pages.frame_max_records=100", "stream.heartbeat=2s",
        ])
        let start = try #require(
            try shop.daemon.ask("GET", "/sync/full", token: shop.till).json?["sync_token"] as? String)
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 700)
            INSERT INTO products(business_id,name) SELECT \(shop.business), 'p'||i FROM n;
            """)
        try shop.daemon.untilRead()
        let stream = try OpenStream(shop.daemon, token: shop.till, lastEventID: start)
        var received: Set<Int> = []
        var beat: StreamEvent?
        while beat == nil, let event = try stream.next(within: 20) {
            if event.type == "ready" { break }
            if event.type == "heartbeat" { beat = event }
            for case let record as [String: Any] in event.list("products", "created") {
                received.insert(record["id"] as? Int ?? 0)
            }
        }
        let heartbeat = try #require(beat, "the backlog was over before a heartbeat was due")
        #expect(!received.isEmpty && received.count < 700)
        #expect(heartbeat.lastEventID == stream.seen.last { $0.type == "change" }?.lastEventID)
        let resumed = try OpenStream(shop.daemon, token: shop.till, lastEventID: heartbeat.lastEventID)
        while let event = try resumed.next(within: 30), event.type != "ready" {
            for case let record as [String: Any] in event.list("products", "created") {
                #expect(received.insert(record["id"] as? Int ?? 0).inserted)
            }
        }
        #expect(received.count == 700)
    }

    /// Nothing can be promised before the first page is read, but the connection must not look dead.
    @Test func aStreamThatWaitsForItsFirstPageIsNotSilent() throws {
        let shop = try Shop(["limits.backlog_records_per_second=100", "stream.heartbeat=2s"])
        let start = try #require(
            try shop.daemon.ask("GET", "/sync/full", token: shop.till).json?["sync_token"] as? String)
        try shop.daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 600)
            INSERT INTO products(business_id,name) SELECT \(shop.business), 'p'||i FROM n;
            """)
        let isTailed = try waitFor(seconds: 20) {
            try shop.daemon.metric("tidings_head_seq") >= 600 ? true : nil
        }
        #expect(isTailed == true)
        // Takes the budget of six seconds on credit.
        let first = try OpenStream(shop.daemon, token: shop.till, lastEventID: start)
        #expect(try first.next("change")?.list("products", "created").count == 600)
        let second = try TillSocket(port: shop.daemon.port)
        try second.request(
            "GET", "/api/v1/sync/stream?entities=products",
            headers: [("Authorization", "Bearer \(shop.till)"), ("Last-Event-ID", start)])
        #expect(try second.readHead().status == 200)
        var text = ""
        while !text.contains("event: hello"), let bytes = try second.read(within: 20), !bytes.isEmpty {
            text += String(decoding: bytes, as: UTF8.self)
        }
        #expect(text.hasPrefix(":\n"), "\(text.prefix(200))")
    }

    // MARK: Parts

    static func metric(_ daemon: Daemon, _ name: String) throws -> Int? {
        let text = String(
            decoding: try TillSocket.ask(port: daemon.adminPort, "GET", "/metrics").body, as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    private func position(_ id: String) -> Int64? {
        if case .token(let token) = SyncToken.parse(id) { token.pos.rawValue } else { nil }
    }
}

extension Daemon {
    /// Waits until the gateway has read all that is committed: a stream opened now has it in its backlog.
    func untilRead() throws {
        let head = try #require(Int(try sql("SELECT ifnull(max(seq), 0) FROM tidings_journal;")))
        let isRead = try waitFor(seconds: 30) {
            try (StreamTests.metric(self, "tidings_head_seq") ?? 0) >= head ? true : nil
        }
        #expect(isRead == true)
    }
}
