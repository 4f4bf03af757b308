// Nothing is taken that two of three other parsers refuse, and nothing is taken otherwise than at least two
// of them take it: same requests, same bodies, in the same order. So no second request ever comes out of a
// body. The others are llhttp, h11 and a real nginx before a backend that records what gets through.
//
//     TIDINGS_DIFFERENTIAL_CASES=50000 swift test --filter Differential      the long run

import Foundation
import HTTP
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct DifferentialTests {
    /// What a parser made of one request, as far as all of them tell.
    struct Taken: Hashable {
        let method: String
        let path: String
        let body: [UInt8]
    }

    private struct Verdicts: Decodable {
        let httptools: [[String]]
        let h11: [[String]]
        let nginx: [[String]]

        var all: [[Taken]] { [httptools, h11, nginx].map { $0.map(Taken.init) } }
    }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    static let python = folder.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent(".build-python/bin/python")

    /// Asks all three about all cases, in one process.
    private static func ask(_ cases: [[UInt8]]) throws -> [Verdicts] {
        let process = Process()
        process.executableURL = python
        process.arguments = [folder.appendingPathComponent("Oracles/parser_oracles.py").path]
        let (input, output) = (Pipe.unshared(), Pipe.unshared())
        process.standardInput = input
        process.standardOutput = output
        try process.start()
        let text = cases.map { $0.map { String(format: "%02x", $0) }.joined() + "\n" }.joined()
        let feeder = Thread {
            input.fileHandleForWriting.write(Data(text.utf8))
            try? input.fileHandleForWriting.close()
        }
        feeder.start()
        let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return try lines.split(separator: "\n").map {
            try JSONDecoder().decode(Verdicts.self, from: Data($0.utf8))
        }
    }

    /// What we take, up to a request that ends its connection.
    private static func ours(_ bytes: [UInt8]) -> [Taken] {
        var taken: [Taken] = []
        for request in ParserPromises.outcome([bytes[...]]).requests {
            taken.append(Taken(request))
            if !request.keepsAlive { break }
        }
        return taken
    }

    /// How many of the others took every request that we took, as we took it.
    private static func agreeing(_ taken: [Taken], _ verdicts: Verdicts) -> Int {
        verdicts.all.filter { $0.starts(with: taken) }.count
    }

    private func check(_ cases: [[UInt8]], seed: UInt64) throws -> (taken: Int, refused: Int) {
        let verdicts = try Self.ask(cases)
        try #require(verdicts.count == cases.count)
        var taken = 0
        var wrong: [String] = []
        for (bytes, verdict) in zip(cases, verdicts) {
            let own = Self.ours(bytes)
            taken += own.isEmpty ? 0 : 1
            guard Self.agreeing(own, verdict) < 2 else { continue }
            wrong.append(
                "\(String(decoding: bytes, as: UTF8.self).debugDescription)\n  \(own)\n  \(verdict.all)")
        }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.count)\n\(wrong.prefix(5).joined(separator: "\n"))")
        return (taken, cases.count - taken)
    }

    @Test func mutationsOfGoodRequests() throws {
        let count =
            AnyBytesTests.environment["TIDINGS_DIFFERENTIAL_CASES"].flatMap { Int($0) } ?? 2_000
        var mutator = Mutator(
            seeds: HostileWords.requests.map { Array($0.utf8) },
            words: HostileWords.inRequests.map { Array($0.utf8) }, seed: AnyBytesTests.seed)
        let (taken, refused) = try check((0..<count).map { _ in mutator.next() }, seed: AnyBytesTests.seed)
        #expect(
            taken > count / 20 && refused > count / 20, "the cases say little: \(taken) taken, \(refused) not"
        )
    }

    @Test func theMalformedFamiliesAndTheGoodSeeds() throws {
        let malformed = RequestParserTests.malformed.map { Array($0.utf8) }
        #expect(try check(malformed, seed: 0).taken == 0)
        let good = HostileWords.requests.map { Array($0.utf8) }
        #expect(try check(good, seed: 0).taken == good.count)
    }

    /// The comparison notices: a parser that took a body's bytes for a request would stand alone.
    @Test func aSmuggledRequestWouldBeNoticed() throws {
        let seed = Array(HostileWords.requests[2].utf8)
        let smuggled = [
            Taken(method: "POST", path: "/body", body: []), Taken(method: "GET", path: "/smuggled", body: []),
        ]
        #expect(Self.agreeing(smuggled, try #require(try Self.ask([seed]).first)) == 0)
    }
}

extension DifferentialTests.Taken {
    fileprivate init(_ request: Request) {
        self.init(method: request.method, path: request.target.path, body: request.body)
    }

    /// From `[method, target, body in hex]`: the path decoded, without what an absolute target has before it.
    fileprivate init(_ said: [String]) {
        var target = said[1][...]
        for scheme in ["http://", "https://"] where target.hasPrefix(scheme) {
            target = target.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
            if target.first != "/" { target = "/" + target }
        }
        let path = String(target.prefix { $0 != "?" })
        var body: [UInt8] = []
        var digits = said[2][...]
        while let byte = UInt8(digits.prefix(2), radix: 16) {
            body.append(byte)
            digits = digits.dropFirst(2)
        }
        self.init(method: said[0], path: path.removingPercentEncoding ?? path, body: body)
    }
}
