// The readers of foreign bytes keep their promises for whatever comes: a mutational fuzz, seeded.
//
//     TIDINGS_FUZZ_CASES=2000000 swift test --filter AnyBytes      the long run
//     scripts/fuzz requests                                        by coverage, with the address sanitizer

import Foundation
import HTTP
import Testing
import TidingsTesting

@Suite struct AnyBytesTests {
    static let environment = ProcessInfo.processInfo.environment
    static let cases = environment["TIDINGS_FUZZ_CASES"].flatMap { Int($0) } ?? 8_000
    static let seed = environment["TIDINGS_TEST_SEED"].flatMap { UInt64($0) } ?? 1

    private func ask(
        _ seeds: [String], _ words: [String], cases: Int = Self.cases, _ broken: ([UInt8]) -> String?
    ) {
        let seeds = seeds.map { Array($0.utf8) }
        for seed in seeds { #expect(broken(seed) == nil) }
        var mutator = Mutator(seeds: seeds, words: words.map { Array($0.utf8) }, seed: Self.seed)
        for _ in 0..<cases {
            let bytes = mutator.next()
            guard let why = broken(bytes) else { continue }
            Issue.record(
                "TIDINGS_TEST_SEED=\(Self.seed): \(why): \(String(decoding: bytes, as: UTF8.self).debugDescription)"
            )
            return
        }
    }

    @Test func requests() {
        ask(HostileWords.requests, HostileWords.inRequests, ParserPromises.brokenByRequests)
    }

    @Test func json() { ask(HostileWords.json, HostileWords.inJSON, ParserPromises.brokenByJSON) }

    @Test func syncTokens() {
        ask(HostileWords.syncTokens, HostileWords.inSyncTokens, ParserPromises.brokenBySyncToken)
    }

    /// The checks would notice: a parser that took a body's bytes for a request, or lost a Host, is caught.
    @Test func theSeedsAreRead() {
        let read = HostileWords.requests.map { ParserPromises.outcome([Array($0.utf8)[...]]).requests.count }
        #expect(read == [1, 2, 2, 2, 1, 1, 1])
    }

    /// A body of one-byte chunks, and a packet of many requests, cost what their length says.
    @Test(arguments: [16, 64])
    func theCostIsLinear(_ kibibytes: Int) {
        func seconds(_ piece: String, times: Int, after head: String = "") -> Double {
            let bytes = Array((head + String(repeating: piece, count: times)).utf8)
            let start = ContinuousClock.now
            let outcome = ParserPromises.outcome([bytes[...]])
            #expect(outcome.error == nil)
            let (seconds, attoseconds) = (ContinuousClock.now - start).components
            return Double(seconds) + Double(attoseconds) / 1e18
        }
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let count = kibibytes * 1_024
        // Moving what lies behind with each chunk would be sixteen times as much for four times the bytes.
        #expect(seconds("1\r\na\r\n", times: count, after: chunked) < 0.0001 * Double(count))
        #expect(seconds("GET / HTTP/1.1\r\nHost: a\r\n\r\n", times: count / 16) < 0.0001 * Double(count))
    }
}
