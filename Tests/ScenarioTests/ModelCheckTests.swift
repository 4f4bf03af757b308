// The proof: random writers in processes of their own, random tills, and at every moment at which a till was
// promised a whole copy, that copy against the journal replayed to the same position.
//
//     TIDINGS_TEST_ROUNDS=2000 swift test --filter ModelCheck      the long run
//     TIDINGS_TEST_SEED=17 TIDINGS_TEST_ROUNDS=1 swift test --filter ModelCheck      one seed again

import Domain
import Foundation
import Synchronization
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct ModelCheckTests {
    static let environment = ProcessInfo.processInfo.environment
    static var rounds: Int { environment["TIDINGS_TEST_ROUNDS"].flatMap { Int($0) } ?? 50 }
    static var firstSeed: Int { environment["TIDINGS_TEST_SEED"].flatMap { Int($0) } ?? 1 }
    /// Rounds that share a daemon and a database, with businesses of their own.
    static let roundsPerDaemon = 10

    /// Settings by seed: from roomy to so tight that streams fall off their tails, read pages of two records,
    /// share a tail with other entity sets, and end by age.
    static let strains: [[String]] = [
        [],
        [
            "stream.tail_frames=16", "stream.tail_size=64KiB", "stream.send_buffer=4KiB",
            "stream.unsent_low_water=1KiB",
        ],
        [
            "pages.frame_max_records=2", "pages.backlog_min_records=1", "stream.entity_sets=1",
            "server.loops=3",
        ],
        [
            "stream.lifetime=1s", "stream.tail_linger=0s", "server.loops=1", "database.readers=1",
            "stream.tail_frames=16",
        ],
    ]

    static func strain(of seed: Int) -> [String] { strains[(seed - 1) / roundsPerDaemon % strains.count] }

    @Test func everyWholeCopyEqualsTheDatabase() throws {
        var daemon: Daemon?
        var sum = RoundResult()
        var counts: [String: Int] = [:]
        for round in 0..<Self.rounds {
            let seed = Self.firstSeed + round
            if round == 0 || (seed - 1) % Self.roundsPerDaemon == 0 {
                if let daemon { try Self.count(daemon, into: &counts) }
                daemon = try Daemon(Self.strain(of: seed))
            }
            let running = try #require(daemon)
            let result = try ModelRound(daemon: running, seed: seed).run()
            sum += result
            if !result.problems.isEmpty {
                let list = result.problems.prefix(12).joined(separator: "\n  ")
                Issue.record(
                    "TIDINGS_TEST_SEED=\(seed) TIDINGS_TEST_ROUNDS=1:\n  \(list)\n\(running.log().suffix(2_000))"
                )
                break
            }
        }
        if let daemon { try Self.count(daemon, into: &counts) }
        let ways = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print(
            "model check: \(Self.rounds) rounds from seed \(Self.firstSeed): \(sum.checkpoints) "
                + "copies compared, \(sum.pages) pages, \(sum.streams) streams, \(sum.events) events, "
                + "\(sum.heartbeats) heartbeats, \(sum.noticed) of \(sum.dropped) dropped frames noticed by "
                + "the rule, \(sum.covered) sent again; \(ways.joined(separator: ", "))"
        )
        #expect(sum.checkpoints > Self.rounds * 5, "the rounds compared almost nothing")
        guard Self.rounds >= 40 else { return }
        #expect(sum.noticed > 0, "no dropped frame was ever noticed")
        #expect(sum.heartbeats > 0, "no heartbeat was ever seen")
        for (name, count) in counts { #expect(count > 0, "\(name): never") }
    }

    /// Adds what a daemon has done: each way of serving a stream must have been taken.
    private static func count(_ daemon: Daemon, into counts: inout [String: Int]) throws {
        for name in [
            #"tidings_resumes_total{source="tail"}"#, #"tidings_resumes_total{source="index"}"#,
            "tidings_tail_falls_total", "tidings_narrowed_streams_total", "tidings_page_reads_total",
            #"tidings_streams_closed_total{reason="lifetime"}"#,
        ] {
            counts[name, default: 0] += try StreamTests.metric(daemon, name) ?? 0
        }
    }
}

/// What a round came to. A value.
struct RoundResult {
    var problems: [String] = []
    var checkpoints = 0
    var dropped = 0
    var noticed = 0
    var covered = 0
    var pages = 0
    var streams = 0
    var events = 0
    var heartbeats = 0

    static func += (sum: inout RoundResult, other: RoundResult) {
        sum.problems += other.problems
        sum.checkpoints += other.checkpoints
        sum.dropped += other.dropped
        sum.noticed += other.noticed
        sum.covered += other.covered
        sum.pages += other.pages
        sum.streams += other.streams
        sum.events += other.events
        sum.heartbeats += other.heartbeats
    }
}

/// One round: two businesses, two Python writers and a `sqlite3` shell, five tills.
struct ModelRound {
    let daemon: Daemon
    let seed: Int

    private static let sets: [[String]?] = [
        nil, ["products"], ["products", "categories", "attributes"], ["brands", "units", "attributes"],
        ["products", "brands", "parties", "stocks", "attributes"],
    ]

    func run() throws -> RoundResult {
        let businesses = [try daemon.newBusiness(), try daemon.newBusiness()]
        let ids = businesses.map(\.id)
        var random = SeededRandom(seed: UInt64(seed))
        // Every tenth is long enough for heartbeats and for streams that end by age.
        let seconds = Double.random(in: seed % 10 == 0 ? 2.5...3.5 : 0.3...0.9, using: &random)
        let writers = try (0..<2).map {
            try daemon.startWriter(seed: seed * 10 + $0, seconds: seconds, businesses: ids)
        }
        let results = Mutex<[(Int, RoundResult, [Till.Checkpoint])]>([])
        let group = DispatchGroup()
        let isOver = Mutex(false)
        for number in 0..<5 {
            let business = businesses[number % 2]
            let device = try daemon.register("till-\(seed)-\(number)", by: business.token)
            let life = Life(
                daemon: daemon, token: device, entities: Self.sets[(seed + number) % Self.sets.count],
                canaries: ids.filter { $0 != business.id }.map { "canary-\($0)-" }, seed: random.next(),
                isPatient: seed % 10 == 0 && number < 3)
            let thread = Thread {
                let (result, checkpoints) = life.live { isOver.withLock { $0 } }
                results.withLock { $0.append((business.id, result, checkpoints)) }
                group.leave()
            }
            group.enter()
            thread.start()
        }
        try shellWrites(ids, seconds: seconds)
        for writer in writers { writer.waitUntilExit() }
        isOver.withLock { $0 = true }
        guard group.wait(timeout: .now() + 240) == .success else {
            return RoundResult(problems: ["a till did not finish within 240 s"])
        }
        return try compare(results.withLock { $0 })
    }

    /// The `sqlite3` shell as a third writer.
    private func shellWrites(_ ids: [Int], seconds: Double) throws {
        let end = Date().addingTimeInterval(seconds)
        var number = 0
        while Date() < end {
            number += 1
            let business = ids[number % 2]
            let id = business * 100_000 + 60 + number % 5
            try daemon.sql(
                """
                BEGIN IMMEDIATE;
                INSERT INTO products(id,business_id,name) VALUES(\(id),\(business),'canary-\(business)- shell')
                  ON CONFLICT(id) DO UPDATE SET name=name||'.', deleted_at=NULL;
                DELETE FROM products WHERE id=\(id) AND length(name) > 30;
                COMMIT;
                """)
        }
    }

    private func compare(_ lives: [(Int, RoundResult, [Till.Checkpoint])]) throws -> RoundResult {
        var sum = RoundResult()
        for (business, result, checkpoints) in lives {
            sum += result
            sum.problems += try JournalTruth(daemon, business: business).differences(checkpoints)
        }
        sum.problems += try Self.hooksDisagree(daemon)
        return sum
    }

    /// The state index against the tables, once nobody writes.
    static func hooksDisagree(_ daemon: Daemon) throws -> [String] {
        let found = try daemon.sql(
            """
            SELECT 'products', id, business_id FROM products WHERE deleted_at IS NULL AND business_id IS NOT NULL
              AND NOT EXISTS(SELECT 1 FROM tidings_state s WHERE s.entity=1 AND s.id=products.id
                AND s.business=products.business_id AND s.dead=0 AND s.version=products.version);
            SELECT 'state', id, business FROM tidings_state s WHERE entity=1 AND dead=0 AND NOT EXISTS(
              SELECT 1 FROM products p WHERE p.id=s.id AND p.business_id=s.business AND p.deleted_at IS NULL);
            """)
        return found.isEmpty ? [] : ["state index and tables differ: \(found)"]
    }
}

/// A wandering till, told across threads by values.
private struct Life: Sendable {
    let daemon: Daemon
    let token: String
    let entities: [String]?
    let canaries: [String]
    let seed: UInt64
    let isPatient: Bool

    func live(until isOver: () -> Bool) -> (RoundResult, [Till.Checkpoint]) {
        let till = WanderingTill(
            daemon: daemon, token: token, entities: entities, foreignCanaries: canaries, seed: seed,
            isPatient: isPatient)
        var result = RoundResult()
        do {
            while !isOver() && till.till.violations.isEmpty { try till.step() }
            try till.finish()
        } catch {
            result.problems.append("\(error)")
        }
        result.problems += till.till.violations
        result.checkpoints = till.till.checkpoints.count
        result.dropped = till.dropped
        result.noticed = till.noticed
        result.covered = till.covered
        result.pages = till.pages
        result.streams = till.streams
        result.events = till.events
        result.heartbeats = till.heartbeats
        return (result, till.till.checkpoints)
    }
}
