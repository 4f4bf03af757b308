// Good input made bad, by chance and by malice: bytes flipped, dropped, doubled, and those put in that
// parsers are known to disagree on. Seeded: the same seed makes the same bytes.

import Domain

/// Makes variants of seeds. A value.
public struct Mutator {
    private let seeds: [[UInt8]]
    private let words: [[UInt8]]
    private var random: SeededRandom

    /// - Parameter words: What is worth putting in.
    public init(seeds: [[UInt8]], words: [[UInt8]], seed: UInt64) {
        self.seeds = seeds
        self.words = words
        random = SeededRandom(seed: seed)
    }

    /// One seed, changed in one to four places.
    public mutating func next() -> [UInt8] {
        var bytes = pick(seeds)
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return bytes = pick(words) }
        let at = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: at)
        case 3: bytes.insert(bytes[at], at: at)
        case 4:
            let end = min(bytes.count, at + Int.random(in: 1...12, using: &random))
            bytes.removeSubrange(at..<end)
        case 5:
            let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
            bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
        default: bytes.insert(contentsOf: pick(words), at: at)
        }
    }

    private mutating func pick(_ choices: [[UInt8]]) -> [UInt8] {
        choices[Int.random(in: choices.indices, using: &random)]
    }
}

/// What a mutator begins with and puts in. The same for tests and for libFuzzer's corpus.
public enum HostileWords {
    public static let requests: [String] = [
        "GET /api/v1/sync/changes?sync_token=AA HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer 1|x\r\n\r\n",
        "GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second?x=%41 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 39\r\n\r\n"
            + "GET /smuggled HTTP/1.1\r\nHost: a\r\nX: y\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5;a=b\r\nhello\r\n23\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\nT: u\r\n\r\n"
            + "GET /after HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS /sync/full HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "HEAD http://a/b?c=d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /wait HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    ]

    public static let inRequests: [String] = [
        "\r", "\n", "\r\n", "\r\n\r\n", "\u{0}", "\u{B}", "\t", " ", ":", ",", ";", "=", "\"", "\\", "%00",
        "%",
        "0x", "+", "-", "0", "00000000", "ffffffff", "HTTP/1.1", "HTTP/1.0", "Content-Length: 3\r\n",
        "Content-Length", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "chunked",
        "Host: b\r\n", "Connection: close\r\n", "Upgrade: x\r\n", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "http://", "*", "\u{E9}", "\u{7F}",
    ]

    public static let json: [String] = [
        #"{"device_id":"till-1","name":"Till é","platform":null,"n":[1,-2.50,3e4,true,false]}"#,
        #"{"a":{"b":{"c":["\ud83d\ude00","\u0041","\\\"\/\b\f\n\r\t"]}},"":{}}"#, "[[[[[[]]]]]]", " 0 ",
    ]

    public static let inJSON: [String] = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\u{0}", "\u{FEFF}", "1e999",
        "01",
        "-", ".", "null", "tru", #""a":1"#, "\u{7F}", "/*", String(repeating: "[", count: 40),
    ]

    public static let syncTokens: [String] = [
        "Aa4fgJyfwAAAAAAE_iAt_h_MxB0", "Aa4fgJyfwAEAtyAE_iAt_h_MxB0", "AA",
    ]
    public static let inSyncTokens: [String] = ["A", "_", "-", "=", "____", "f8", "gICAgICAgICA", " ", "é"]
}
