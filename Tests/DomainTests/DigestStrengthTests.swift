// The digest against the errors that copies really have: for each kind, thousands of random cases in which it
// must notice the difference, and weaker functions that must not, or the trials would prove nothing.
//
// TIDINGS_TEST_DIGEST_TRIALS: trials a kind; 200,000 in scripts/check.

import Domain
import Foundation
import Testing

@Suite struct DigestStrengthTests {
    private static let trials =
        ProcessInfo.processInfo.environment["TIDINGS_TEST_DIGEST_TRIALS"].flatMap { Int($0) } ?? 2_000

    @Test(arguments: CopyError.allCases) func everyErrorIsNoticed(_ kind: CopyError) {
        var random = SeededRandom(seed: 0x7164)
        for trial in 0..<Self.trials {
            let (database, copy) = kind.draw(using: &random)
            let (right, wrong) = (Digest(of: database), Digest(of: copy))
            #expect(right.lane1 != wrong.lane1, "lane 1, trial \(trial): \(database) \(copy)")
            #expect(right.lane2 != wrong.lane2, "lane 2, trial \(trial): \(database) \(copy)")
        }
    }

    /// Moments cancel in a sum of linear terms, whatever the constants.
    @Test(arguments: [CopyError.swappedVersions, .missedAndSurplusUpdate, .adjacentSwap])
    func aLinearSumMissesAll(_ kind: CopyError) {
        #expect(misses(of: kind) { $0.linear } == Self.trials)
    }

    @Test func oneSquaringMissesPatterns() {
        let missed = [CopyError.weighted, .thueMorse].map { kind in misses(of: kind) { $0.squaredOnce } }
        #expect(missed.contains { $0 > Self.trials / 50 }, "\(missed)")
    }

    private func misses(of kind: CopyError, _ fingerprint: (Held) -> UInt64) -> Int {
        var random = SeededRandom(seed: 0x7164)
        func sum(_ records: [Held]) -> UInt64 { records.reduce(0) { ($0 + fingerprint($1)) % (1 << 26) } }
        return (0..<Self.trials).count { _ in
            let (database, copy) = kind.draw(using: &random)
            return sum(database) == sum(copy)
        }
    }
}

/// A record as digests see it.
struct Held: Hashable {
    var id: Int64
    var version: Int64

    private static let p: UInt64 = 67_108_859
    private var x: UInt64 { (UInt64(id) % Self.p * 40_503_771 + UInt64(version) * 52_711_237) % Self.p }
    /// Lane 1 without any squaring, not even reduced.
    var linear: UInt64 { UInt64(id) &* 40_503_771 &+ UInt64(version) &* 52_711_237 }
    /// Lane 1 with one squaring.
    var squaredOnce: UInt64 { x * x % Self.p }
}

extension Digest {
    init(of records: [Held]) {
        self.init()
        for record in records { add(.integer(record.id), version: record.version) }
    }
}

/// How a copy can differ from the database while its count is right.
enum CopyError: CaseIterable {
    case swappedVersions, missedAndSurplusUpdate, missedCreateAndDelete, adjacentSwap, adjacentOneUpOneDown
    case weighted, thueMorse

    /// What the database holds, what the copy holds instead.
    func draw(using random: inout SeededRandom) -> (database: [Held], copy: [Held]) {
        let bound: Int64 = Bool.random(using: &random) ? 20_000 : 1 << 53 - 16
        let a = Int64.random(in: 1..<bound, using: &random)
        var b = Int64.random(in: 1..<bound, using: &random)
        if b == a { b += 1 }
        let v = Int64.random(in: 5...500, using: &random)
        let w = v + Int64.random(in: 1...40, using: &random)
        switch self {
        case .swappedVersions:
            return (
                [Held(id: a, version: v), Held(id: b, version: w)],
                [Held(id: a, version: w), Held(id: b, version: v)]
            )
        case .missedAndSurplusUpdate:
            return (
                [Held(id: a, version: v + 1), Held(id: b, version: w)],
                [Held(id: a, version: v), Held(id: b, version: w + 1)]
            )
        case .missedCreateAndDelete:
            return ([Held(id: a, version: 1)], [Held(id: b, version: v)])
        case .adjacentSwap:
            return (
                [Held(id: a, version: v), Held(id: a + 1, version: w)],
                [Held(id: a, version: w), Held(id: a + 1, version: v)]
            )
        case .adjacentOneUpOneDown:
            return (
                [Held(id: a, version: v), Held(id: a + 1, version: w)],
                [Held(id: a, version: v + 1), Held(id: a + 1, version: w - 1)]
            )
        case .weighted:
            let steps: [Int64] = [1, -3, 3, -1]
            return (
                steps.indices.map { Held(id: a + Int64($0), version: v) },
                steps.enumerated().map { Held(id: a + Int64($0), version: v + $1) }
            )
        case .thueMorse:
            let ids = (0..<8).map { (id: a + Int64($0), isEvil: $0.nonzeroBitCount % 2 == 0) }
            return (
                ids.filter(\.isEvil).map { Held(id: $0.id, version: v) },
                ids.filter { !$0.isEvil }.map { Held(id: $0.id, version: v) }
            )
        }
    }
}
