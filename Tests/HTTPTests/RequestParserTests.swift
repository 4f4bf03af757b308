// The parser refuses whatever two parsers could read differently, and says the same however the bytes are
// split.

import HTTP
import Testing

@Suite struct RequestParserTests {
    /// What bytes amount to: requests in order, and how it ended.
    struct Outcome: Hashable {
        var requests: [Request] = []
        var error: ParseError?
        var continues = 0
    }

    static func parse(_ pieces: [[UInt8]], limits: ParserLimits = ParserLimits()) -> Outcome {
        var parser = RequestParser(limits: limits)
        var outcome = Outcome()
        for piece in pieces {
            parser.receive(piece.span)
            do {
                reading: while true {
                    switch try parser.next() {
                    case .needsMore: break reading
                    case .expectsContinue: outcome.continues += 1
                    case .request(let request): outcome.requests.append(request)
                    }
                }
            } catch {
                outcome.error = error
                return outcome
            }
        }
        return outcome
    }

    static func parse(_ text: String, limits: ParserLimits = ParserLimits()) -> Outcome {
        parse([Array(text.utf8)], limits: limits)
    }

    static func get(_ more: String = "", target: String = "/", version: String = "HTTP/1.1") -> String {
        "GET \(target) \(version)\r\nHost: a\r\n\(more)\r\n"
    }

    static func post(_ fields: String, _ body: String) -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\(body)"
    }

    // MARK: Good

    @Test func aRequestIsTakenApart() throws {
        let outcome = Self.parse(
            Self.get("X-A:  b c \t\r\nCookie: d\r\n", target: "/a%20b/c?x=1&y=%2B+z&flag&x=2"))
        let request = try #require(outcome.requests.first)
        #expect(request.target.path == "/a b/c")
        #expect(
            request.target.value("x") == "2" && request.target.value("y") == "++z"
                && request.target.value("flag") == "")
        #expect(request.header("x-a") == "b c")
        #expect(request.keepsAlive)
    }

    @Test func bodiesByLengthAndInChunks() {
        #expect(
            Self.parse(Self.post("Content-Length: 3\r\n", "abc")).requests.first?.body == Array("abc".utf8))
        let chunked = Self.post(
            "Transfer-Encoding: Chunked\r\n",
            "3;x=y;z;q=\"a \\\"b\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n")
        let request = Self.parse(chunked).requests.first
        #expect(request?.body == Array("abc0123456789".utf8))
        #expect(request?.header("trailer") == nil, "trailers are dropped")
    }

    @Test func pipelinedRequestsComeInOrder() {
        let outcome = Self.parse(
            Self.get(target: "/1") + Self.post("Content-Length: 2\r\n", "hi") + Self.get(target: "/3"))
        #expect(outcome.requests.map(\.target.path) == ["/1", "/", "/3"])
    }

    @Test func anEmptyLineBeforeARequestIsPassedOver() {
        #expect(Self.parse("\r\n" + Self.get()).requests.count == 1)
        #expect(Self.parse("\r\n\r\n" + Self.get()).error != nil)
        #expect(Self.parse([Array("\r\n".utf8), Array(("\r\n" + Self.get()).utf8)]).error != nil)
        #expect(Self.parse("\r\n" + Self.get() + "\r\n" + Self.get()).requests.count == 2)
    }

    @Test func aBodyMayBeAskedFor() {
        let head = Self.post("Content-Length: 2\r\nExpect: 100-continue\r\n", "")
        let outcome = Self.parse([Array(head.utf8), Array("hi".utf8)])
        #expect(outcome.continues == 1 && outcome.requests.count == 1)
        #expect(Self.parse(head + "hi").continues == 0, "the body was there already")
    }

    @Test func keepingAlive() {
        #expect(Self.parse("GET / HTTP/1.0\r\n\r\n").requests.first?.keepsAlive == false)
        #expect(
            Self.parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").requests.first?.keepsAlive == true)
        #expect(Self.parse(Self.get("Connection: x, Close\r\n")).requests.first?.keepsAlive == false)
        #expect(Self.parse(Self.get(target: "http://a/b?c=d")).requests.first?.target.path == "/b")
    }

    // MARK: Bad, family by family

    static let malformed: [String] = [
        // line ends
        "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", get("X: a\rb\r\n"),
        "GET / HTTP/1.1\rHost: a\r\r\n\r\n",
        // control bytes
        get("X: a\u{0}b\r\n"), get("X: a\u{1}b\r\n"), get("X: a\u{7F}\r\n"), get("X\u{0}: b\r\n"),
        get(target: "/\u{1}"),
        get(target: "/a\u{0}"), "G\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n",
        // field names and folding
        get("X : b\r\n"), get("Content-Length : 3\r\n"), get(" X: b\r\n"), get("X: a\r\n b\r\n"),
        get("X: a\r\n\tb\r\n"),
        get(": b\r\n"), get("X(): b\r\n"), get("no colon\r\n"), get("\u{E9}: b\r\n"),
        // Host
        "GET / HTTP/1.1\r\n\r\n", get("Host: b\r\n"), "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        // Content-Length
        post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
        post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"),
        post("Content-Length: 3, 3\r\n", "abc"), post("Content-Length: +3\r\n", "abc"),
        post("Content-Length: -3\r\n", "abc"),
        post("Content-Length: 0x3\r\n", "abc"), post("Content-Length: 3 3\r\n", "abc"),
        post("Content-Length:\r\n", ""),
        post("Content-Length: 99999999999999999999\r\n", ""), post("Content-Length: 3.0\r\n", "abc"),
        post("Content-Length: \u{0B}3\r\n", "abc"),
        // Transfer-Encoding
        post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: gzip, chunked\r\n", ""), post("Transfer-Encoding: chunked, chunked\r\n", ""),
        post("Transfer-Encoding: \u{0B}chunked\r\n", ""), post("Transfer-Encoding:\r\n", ""),
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // versions and request lines
        "GET / HTTP/01.1\r\nHost: a\r\n\r\n", "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "(x) / HTTP/1.1\r\nHost: a\r\n\r\n",
        get(target: "a"), get(target: "*"), get(target: "http://`/b"),
        get(target: "http:///b"), "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        get(target: "/#f"), get(target: "/\u{E9}"),
        get(target: "ftp://a/"),
        // escapes
        get(target: "/%"), get(target: "/%4"), get(target: "/%zz"), get(target: "/%00"), get(target: "/%0a"),
        get(target: "/?a=%ff"),
        // chunks
        post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", " 3\r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "-0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "3 \r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "\r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "000000003\r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "3\r\nabc0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "3;\u{0}\r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "3;\(String(repeating: "x", count: 300))\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0;\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0;a=\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0;a=\"b\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0; a\r\n\r\n"),
        post(
            "Transfer-Encoding: chunked\r\n",
            String(repeating: "1;a=\(String(repeating: "b", count: 200))\r\nx\r\n", count: 100)),
        post("Transfer-Encoding: chunked\r\n", "0\r\n" + String(repeating: "X: y\r\n", count: 5_000)),
        post("Transfer-Encoding: chunked\r\n", "0\r\nbad trailer\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0\r\nX : y\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 3\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0\r\nTransfer-Encoding: identity\r\n\r\n"),
    ]

    @Test(arguments: malformed.indices)
    func malformedRequestsAreRefused(_ index: Int) {
        let outcome = Self.parse(Self.malformed[index])
        #expect(outcome.requests.isEmpty, "\(Self.malformed[index].debugDescription)")
        #expect(
            outcome.error?.status == 400,
            "\(Self.malformed[index].debugDescription): \(String(describing: outcome.error))")
    }

    @Test(arguments: [
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501), ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        (post("Transfer-Encoding: gzip\r\n", ""), 501), (post("Transfer-Encoding: identity\r\n", ""), 501),
        (post("Transfer-Encoding: xchunked\r\n", ""), 501),
        (get(target: "/" + String(repeating: "a", count: 9_000)), 414),
        (get("X: \(String(repeating: "a", count: 17_000))\r\n"), 431),
        (get((0..<70).map { "X-\($0): y\r\n" }.joined()), 431),
        (post("Content-Length: 2000000\r\n", ""), 413),
        (post("Transfer-Encoding: chunked\r\n", "ffffffff\r\n"), 413),
    ])
    func whatIsTooMuchOrUnknownHasItsStatus(_ text: String, _ status: Int) {
        let outcome = Self.parse(text)
        #expect(
            outcome.requests.isEmpty && outcome.error?.status == status, "\(text.prefix(60).debugDescription)"
        )
    }

    @Test func aHeadThatNeverEndsCostsNoMoreThanItsLimit() {
        var parser = RequestParser()
        let bytes = Array(repeating: UInt8(0x61), count: 1_000)
        var fed = 0
        var refused = false
        while !refused, fed < 100_000 {
            parser.receive(bytes.span)
            fed += bytes.count
            do { _ = try parser.next() } catch { refused = true }
        }
        #expect(refused && fed <= 9_000)
        #expect(parser.bufferedBytes == 0)
    }

    // MARK: Splits and noise

    static let corpus: [String] =
        malformed + [
            get(), get("X: y\r\n") + get(target: "/2"), post("Content-Length: 5\r\n", "hello") + get(),
            post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + get(), "\r\n" + get(),
        ]

    @Test func theResultDoesNotDependOnTheSplits() {
        for text in Self.corpus {
            let bytes = Array(text.utf8)
            let whole = Self.parse([bytes])
            let single = Self.parse(bytes.map { [$0] })
            #expect(
                whole.requests == single.requests && whole.error?.status == single.error?.status,
                "\(text.debugDescription)")
            for cut in stride(from: 1, to: bytes.count, by: max(1, bytes.count / 40)) {
                let halves = Self.parse([Array(bytes[..<cut]), Array(bytes[cut...])])
                #expect(halves.requests == whole.requests && halves.error?.status == whole.error?.status)
            }
        }
    }

    @Test func noiseNeverTraps() {
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<4_000 {
            var bytes = Array(Self.corpus[next(Self.corpus.count)].utf8)
            for _ in 0...next(4) {
                switch next(3) {
                case 0 where !bytes.isEmpty: bytes[next(bytes.count)] = UInt8(next(256))
                case 1 where !bytes.isEmpty: bytes.remove(at: next(bytes.count))
                default: bytes.insert(UInt8(next(256)), at: next(bytes.count + 1))
                }
            }
            let outcome = Self.parse([bytes])
            #expect(
                outcome.requests.allSatisfy {
                    $0.version == .http10 || $0.fields.filter { $0.name == "host" }.count == 1
                })
        }
    }
}
