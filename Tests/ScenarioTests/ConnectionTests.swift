// HTTP over real sockets: what a connection may do, in which order it is answered, and how long it may take.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct ConnectionTests {
    typealias Shop = StreamTests.Shop

    /// Has the whole answer as it is on the wire, to the end of the connection.
    private func raw(_ shop: Shop, _ request: String) throws -> String {
        let socket = try TillSocket(port: shop.daemon.port)
        try socket.write(request)
        return try Self.rest(socket)
    }

    private static func rest(_ socket: TillSocket, within seconds: Double = 20) throws -> String {
        var all: [UInt8] = []
        while let bytes = try socket.read(within: seconds), !bytes.isEmpty { all += bytes }
        return String(decoding: all, as: UTF8.self)
    }

    private func head(_ shop: Shop, _ method: String, _ target: String) -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(shop.till)\r\n"
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let shop = try Shop()
        let socket = try TillSocket(port: shop.daemon.port)
        // Quick and slow ones, mixed: reads go through other threads, errors and OPTIONS do not.
        let kinds = [
            ("GET", "/sync/full?entities=brands", 200), ("GET", "/nothing", 404),
            ("OPTIONS", "/sync/full", 204),
            ("GET", "/sync/changes", 422), ("HEAD", "/sync/full?entities=vats", 200),
            ("PUT", "/sync/full", 405),
        ]
        let order = (0..<120).map { kinds[($0 * 7) % kinds.count] }
        try socket.write(order.map { head(shop, $0.0, $0.1) + "\r\n" }.joined())
        var ids: [String] = []
        for (method, target, status) in order {
            let answer = try socket.readAnswer(to: method)
            #expect(answer.status == status, "\(method) \(target)")
            ids.append(try #require(answer.fields["x-request-id"]))
        }
        #expect(Set(ids).count == order.count, "every request has an id of its own")
    }

    /// Pipelined bytes beyond what is held wait in the peer's kernel; none is lost and memory is bounded.
    @Test func moreThanIsHeldAheadIsAnsweredToo() throws {
        let shop = try Shop()
        let socket = try TillSocket(port: shop.daemon.port)
        let padding = "X-Padding: \(String(repeating: "p", count: 4_000))\r\n\r\n"
        let count = 200
        let request = head(shop, "GET", "/sync/full?entities=brands") + padding
        try socket.write(String(repeating: request, count: count))
        for _ in 0..<count { #expect(try socket.readAnswer().status == 200) }
    }

    @Test func headIsTheHeadOfGetWithoutItsBody() throws {
        let shop = try Shop()
        let socket = try TillSocket(port: shop.daemon.port)
        for target in ["/sync/full?entities=brands", "/api/v1/sync/full?entities=vats", "/demo/", "/nothing"]
        {
            try socket.write(head(shop, "HEAD", target) + "\r\n" + head(shop, "GET", target) + "\r\n")
            let head = try socket.readAnswer(to: "HEAD")
            let get = try socket.readAnswer()
            #expect(head.status == get.status && head.body.isEmpty)
            #expect(head.fields["content-length"] == "\(get.body.count)", "\(target)")
            #expect(head.fields["content-type"] == get.fields["content-type"])
        }
    }

    @Test func optionsAndWrongMethodsSayWhatIsAllowed() throws {
        let shop = try Shop()
        for (target, allow) in [
            ("/sync/full", "GET, HEAD, OPTIONS"), ("/sync/stream", "GET, OPTIONS"),
            ("/api/v1/sync/ack", "POST, OPTIONS"),
        ] {
            let options = try shop.daemon.ask("OPTIONS", target)
            #expect(options.status == 204 && options.body.isEmpty)
            #expect(options.fields["allow"] == allow)
            let wrong = try shop.daemon.ask("DELETE", target, token: shop.till)
            #expect(wrong.status == 405 && wrong.fields["allow"] == allow)
            #expect(wrong.json?["error"] as? String == "method_not_allowed")
        }
    }

    @Test func everyAnswerIsStampedAndEveryErrorHasACode() throws {
        let shop = try Shop()
        for (method, target, token, status, code) in [
            ("GET", "/nothing", nil, 404, "not_found"), ("GET", "/sync/full", nil, 401, "unauthenticated"),
            ("GET", "/sync/full?entities=nothing", shop.till, 422, "validation_failed"),
            ("GET", "/sync/changes?sync_token=AA", shop.till, 410, "sync_token_expired"),
            ("POST", "/sync/ack", shop.till, 400, "bad_json"),
        ] {
            let body = method == "POST" ? "{" : nil
            let answer = try shop.daemon.ask(method, target, token: token, body: body)
            #expect(answer.status == status && answer.json?["error"] as? String == code, "\(target)")
            #expect((answer.json?["message"] as? String)?.isEmpty == false)
            for name in ["date", "x-request-id", "x-server-timestamp"] {
                #expect(answer.fields[name]?.isEmpty == false, "\(name) of \(target)")
            }
        }
    }

    // MARK: Bodies

    private func registration(_ name: String) -> String { #"{"device_id":"\#(name)","name":"n"}"# }

    private func post(_ shop: Shop, _ more: String) -> String {
        "POST /sync/register HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer \(shop.owner)\r\n"
            + "Content-Type: application/json\r\n" + more
    }

    @Test func aChunkedBodyIsTheSameAsAWholeOne() throws {
        let shop = try Shop()
        let body = registration("chunked")
        let chunks = body.map { "1\r\n\($0)\r\n" }.joined() + "0;last\r\nX-Trailer: dropped\r\n\r\n"
        let socket = try TillSocket(port: shop.daemon.port)
        try socket.write(post(shop, "Transfer-Encoding: chunked\r\n\r\n" + chunks))
        let answer = try socket.readAnswer()
        #expect(answer.status == 201)
        #expect((answer.json?["data"] as? [String: Any])?["device_id"] as? String == "chunked")
        try socket.write(head(shop, "GET", "/sync/full?entities=vats") + "\r\n")
        #expect(try socket.readAnswer().status == 200, "the next request begins where the body ended")
    }

    @Test func whoExpectsToContinueIsTold() throws {
        let shop = try Shop()
        let body = registration("polite")
        let socket = try TillSocket(port: shop.daemon.port)
        try socket.write(post(shop, "Content-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n"))
        #expect(try socket.readHead().status == 100)
        try socket.write(body)
        #expect(try socket.readAnswer().status == 201)
        // A body that comes along needs no asking, and one that is too large is refused unseen.
        try socket.write(
            post(shop, "Content-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n" + body))
        #expect(try socket.readAnswer().status == 201)
        try socket.write(post(shop, "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"))
        #expect(try socket.readAnswer().status == 413)
    }

    @Test func bodiesAndHeadsHaveTheirSizes() throws {
        let shop = try Shop(["limits.body_size=1KiB", "limits.head_size=1KiB"])
        let long = String(repeating: "x", count: 2_000)
        for (request, status) in [
            (post(shop, "Content-Length: 2000\r\n\r\n" + long), 413),
            (post(shop, "Transfer-Encoding: chunked\r\n\r\n7D0\r\n" + long), 413),
            (head(shop, "GET", "/sync/full") + "X: \(long)\r\n\r\n", 431),
        ] {
            let answer = try raw(shop, request)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer.prefix(40))")
            #expect(answer.contains("\r\nConnection: close\r\n"))
        }
    }

    // MARK: Keeping alive

    @Test func aConnectionIsKeptUnlessItIsNotWanted() throws {
        let shop = try Shop()
        let socket = try TillSocket(port: shop.daemon.port)
        for _ in 0..<300 {
            try socket.write(head(shop, "GET", "/nothing") + "\r\n")
            #expect(try socket.readAnswer().status == 404)
        }
        try socket.write(head(shop, "GET", "/nothing") + "Connection: close\r\n\r\n")
        #expect(try Self.rest(socket).contains("\r\nConnection: close\r\n"))
        let old = try raw(shop, "GET /nothing HTTP/1.0\r\n\r\n")
        #expect(old.hasPrefix("HTTP/1.1 404 "), "HTTP/1.0 is answered, then closed")
    }

    // MARK: Deadlines

    private static let hasty = [
        "limits.head_time=400ms", "limits.body_time=400ms", "limits.idle_time=400ms",
        "limits.write_time=500ms",
    ]

    /// A byte every now and then gets nobody further than none: the deadline of a phase is absolute.
    @Test func aHeadAndABodyThatDribbleAreCutOff() throws {
        let shop = try Shop(Self.hasty)
        for start in ["GET /sync/full HTTP/1.1\r\nX: ", post(shop, "Content-Length: 5000\r\n\r\n{")] {
            let begin = Date()
            let socket = try TillSocket(port: shop.daemon.port)
            try socket.write(start)
            var answer: [UInt8] = []
            while answer.isEmpty, Date().timeIntervalSince(begin) < 20 {
                answer = (try? socket.read(within: 0.1)) ?? []
                try? socket.write("x")
            }
            #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 408 "))
            #expect(Date().timeIntervalSince(begin) > 0.3)
        }
    }

    @Test func whoSaysNothingIsClosedWithoutAWord() throws {
        let shop = try Shop(Self.hasty)
        let silent = try TillSocket(port: shop.daemon.port)
        #expect(try Self.rest(silent) == "")
        let idle = try TillSocket(port: shop.daemon.port)
        try idle.write(head(shop, "GET", "/nothing") + "\r\n")
        #expect(try idle.readAnswer().status == 404)
        #expect(try Self.rest(idle) == "")
    }

    /// A shop whose full download is larger than all buffers on the way.
    private func largeShop(_ settings: [String] = hasty) throws -> Shop {
        let shop = try Shop(settings)
        try shop.largeProducts(4_000)
        return shop
    }

    /// The kernel calls a socket writable when a third of its buffer is free: seconds, on a slow line.
    @Test func aSlowLineGetsAnAnswerWhole() throws {
        let shop = try largeShop(["limits.write_time=1500ms"])
        let socket = try TillSocket(port: shop.daemon.port, receiveBuffer: 4_096)
        try socket.write(head(shop, "GET", "/sync/full?entities=products") + "Connection: close\r\n\r\n")
        let (_, fields) = try socket.readHead(within: 30)
        let length = try #require(fields["content-length"].flatMap { Int($0) })
        var received = 0
        // Six times the time in which something must be taken, at some 200 KB a second.
        let slowUntil = Date().addingTimeInterval(9)
        while received < length, let bytes = try socket.read(within: 30, atMost: 8_192), !bytes.isEmpty {
            received += bytes.count
            if slowUntil.timeIntervalSinceNow > 0 { usleep(40_000) }
        }
        #expect(received == length)
    }

    @Test func whoTakesNothingOfAnAnswerIsCut() throws {
        let shop = try largeShop()
        let socket = try TillSocket(port: shop.daemon.port, receiveBuffer: 4_096)
        try socket.write(head(shop, "GET", "/sync/full?entities=products") + "\r\n")
        let gone = try waitFor(seconds: 30) {
            try StreamTests.metric(shop.daemon, #"tidings_answers_total{status="499"}"#)
        }
        #expect(gone == 1)
        #expect(try LimitTests.met(shop.daemon, "limits.write_time") == 1)
        // Cut with RST: the client sees an answer that is not whole.
        #expect(throws: SocketFailure.self) { try socket.readAnswer() }
    }

    /// A little now and then would keep an answer here for as long as somebody likes: a page in memory, a
    /// whole download on the disk.
    @Test(arguments: ["", "&limit=10000"]) func whoTakesLessThanThePaceIsCut(_ limit: String) throws {
        let shop = try largeShop(["limits.write_time=2s", "limits.write_pace=64KiB"])
        let socket = try TillSocket(port: shop.daemon.port, receiveBuffer: 4_096)
        try socket.write(head(shop, "GET", "/sync/full?entities=products\(limit)") + "\r\n")
        let until = Date().addingTimeInterval(60)
        // About twelve of the 64 KiB, ten times a second.
        #expect(throws: SocketFailure.self) {
            while until.timeIntervalSinceNow > 0 {
                _ = try socket.read(within: 30, atMost: 1_152)
                usleep(100_000)
            }
        }
        #expect(try LimitTests.met(shop.daemon, "limits.write_pace") == 1)
        #expect(try StreamTests.metric(shop.daemon, #"tidings_answers_total{status="499"}"#) == 1)
    }
}
