// The model check while the ground moves: purges running hot, tills that sleep too long, a database restored
// or replaced in mid-run and written to until it overtakes what was served; beside them tills that know only
// times, with pages and without. Held in every round:
//
//     a copy that was promised to be whole is what the history of its epoch says at its position
//     nobody is told to download anew but for the reason at hand; who acknowledges is never told by retention
//     everybody ends equal to the database: nothing is lost, no ghost stays
//
//     TIDINGS_TEST_TURMOIL_ROUNDS=60 swift test --filter TurmoilModel      the long run
//     TIDINGS_TEST_SEED=17 TIDINGS_TEST_TURMOIL_ROUNDS=1 …                 one seed again
//     TIDINGS_TEST_TURMOIL=renamedOver …                                   of one kind

import Domain
import Foundation
import Synchronization
import TestThreads
import Testing
import TidingsTesting

/// What happens to a shop in mid-run.
enum Turmoil: String, CaseIterable, Sendable {
    /// Whatever is old goes at once, and every till says what it has stored.
    case purges
    /// The same, and some tills are silent for longer than they may.
    case silence
    /// `tidings restore` under the running gateway.
    case restore
    /// `.restore` by the shell, behind the gateway's back.
    case restoredInPlace
    /// A backup renamed over the file, behind the gateway's back.
    case renamedOver

    /// Why a till may be told to download anew.
    var mayBeRefused: Set<String> {
        switch self {
        case .purges: []
        case .silence: ["retention"]
        case .restore, .restoredInPlace, .renamedOver: ["epoch", "ahead"]
        }
    }

    /// Whether the database is put back.
    var restores: Bool { self != .purges && self != .silence }

    /// All of them, or the one that the environment names.
    static var chosen: [Turmoil] {
        let name = ProcessInfo.processInfo.environment["TIDINGS_TEST_TURMOIL"]
        return name.map { [Turmoil(rawValue: $0)].compactMap(\.self) } ?? allCases
    }

    var settings: [String] {
        RetentionTests.hot + (self == .silence ? ["retention.max_offline=1s"] : [])
            + (restores ? ["stream.tail_frames=16", "pages.backlog_min_records=1"] : [])
    }
}

@Suite(.waits) struct TurmoilModelTests {
    @Test(arguments: Turmoil.chosen) func everybodyEndsEqual(_ turmoil: Turmoil) throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["TIDINGS_TEST_TURMOIL_ROUNDS"].flatMap { Int($0) } ?? 2
        let first = environment["TIDINGS_TEST_SEED"].flatMap { Int($0) } ?? 1
        let daemon = try Daemon(turmoil.settings)
        try KeptJournal.begin(daemon)
        var sum = TurmoilOutcome()
        for seed in first..<(first + rounds) {
            let outcome = try TurmoilRound(daemon: daemon, turmoil: turmoil, seed: seed).run()
            sum += outcome
            guard outcome.problems.isEmpty else {
                let list = outcome.problems.prefix(12).joined(separator: "\n  ")
                Issue.record(
                    "\(turmoil) TIDINGS_TEST_SEED=\(seed):\n  \(list)\n\(daemon.log().suffix(2_000))")
                return
            }
        }
        let purged = try daemon.metric("tidings_tombstones_purged_total")
        print(
            "turmoil: \(turmoil): \(rounds) rounds, \(sum.checkpoints) copies compared, "
                + "\(sum.answers) answers by time, \(sum.fulls) of them in full, refused "
                + "\(sum.refused), \(Int(purged)) tombstones purged")
        #expect(sum.checkpoints > rounds * 5 && sum.answers > rounds * 5)
        switch turmoil {
        case .purges: #expect(purged > 0 && sum.refused == [:])
        case .silence: #expect(purged > 0 && sum.refused["retention"] ?? 0 > 0)
        default: #expect(sum.refused["epoch"] ?? 0 > 0 && sum.fulls > 0)
        }
    }
}

/// What rounds came to. A value.
struct TurmoilOutcome {
    var problems: [String] = []
    var checkpoints = 0
    var refused: [String: Int] = [:]
    var answers = 0
    var fulls = 0

    static func += (sum: inout TurmoilOutcome, other: TurmoilOutcome) {
        sum.problems += other.problems
        sum.checkpoints += other.checkpoints
        sum.refused.merge(other.refused, uniquingKeysWith: +)
        sum.answers += other.answers
        sum.fulls += other.fulls
    }
}

/// Every journal row ever written: purging takes the journal from the front, so a trigger beside ours keeps a
/// copy in the same transaction. It is restored with the database, and so is true of every history.
enum KeptJournal {
    static let table = "kept_journal"

    static func begin(_ daemon: Daemon) throws {
        try daemon.sql(
            """
            CREATE TABLE \(table)(seq INTEGER PRIMARY KEY, entity, business, id, op, version);
            CREATE TRIGGER keep_journal AFTER INSERT ON tidings_journal BEGIN
              INSERT INTO \(table) VALUES(NEW.seq, NEW.entity, NEW.business, NEW.id, NEW.op, NEW.version);
            END;
            """)
    }
}

/// One history of the database: what happened in it, and by which names it may have been served.
private struct TurmoilHistory {
    let isNamed: @Sendable (_ epoch: String) -> Bool
    /// By business.
    let truths: [Int: JournalTruth]

    init(
        _ daemon: Daemon, businesses: [Int], isNamed: @Sendable @escaping (_ epoch: String) -> Bool
    ) throws {
        self.isNamed = isNamed
        truths = Dictionary(
            uniqueKeysWithValues: try businesses.map {
                ($0, try JournalTruth(daemon, business: $0, table: KeptJournal.table))
            })
    }
}

/// One round: two businesses, two Python writers, four wandering tills, two that know only times.
private struct TurmoilRound {
    let daemon: Daemon
    let turmoil: Turmoil
    let seed: Int

    func run() throws -> TurmoilOutcome {
        var random = SeededRandom(seed: UInt64(seed))
        let businesses = [try daemon.newBusiness(), try daemon.newBusiness()]
        let ids = businesses.map(\.id)
        let isOver = Mutex(false)
        let lives = Mutex<[(business: Int, life: WanderingTill.Life)]>([])
        let timed = Mutex<[Result<TimeTill, any Error>]>([])
        let group = DispatchGroup()
        for number in 0..<4 {
            let business = businesses[number % 2]
            let token = try daemon.register("till-\(seed)-\(number)", by: business.token)
            let (daemon, turmoil, tillSeed) = (daemon, turmoil, random.next())
            let foreign = ids.filter { $0 != business.id }.map { "canary-\($0)-" }
            start(group) {
                let till = WanderingTill(
                    daemon: daemon, token: token, entities: number == 3 ? ["products", "attributes"] : nil,
                    foreignCanaries: foreign, seed: tillSeed, mayBeRefused: turmoil.mayBeRefused,
                    sleepsLong: turmoil == .silence && number < 3)
                let life = till.live { isOver.withLock { $0 } }
                lives.withLock { $0.append((business.id, life)) }
            }
        }
        // By a person's token: a device that says nothing of what it stored would hold back every purge.
        for limit in ["", "&limit=3"] {
            let (daemon, owner) = (daemon, businesses[0].token)
            start(group) {
                let result = Result {
                    try Self.live(daemon, owner, limit) { isOver.withLock { $0 } }
                }
                timed.withLock { $0.append(result) }
            }
        }
        let histories = try happen(ids, owner: businesses[0].token, &random)
        isOver.withLock { $0 = true }
        guard group.wait(timeout: .now() + 240) == .success else {
            return TurmoilOutcome(problems: ["a till did not finish within 240 s"])
        }
        var outcome = TurmoilOutcome()
        outcome.problems += try ModelRound.hooksDisagree(daemon)
        for (business, life) in lives.withLock({ $0 }) { judge(life, business, histories, &outcome) }
        for result in timed.withLock({ $0 }) { try judge(result, business: ids[0], &outcome) }
        return outcome
    }

    private func start(_ group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
        group.enter()
        Thread {
            body()
            group.leave()
        }.start()
    }

    private static func live(
        _ daemon: Daemon, _ token: String, _ limit: String, until isOver: () -> Bool
    ) throws -> TimeTill {
        var till = try TimeTill(daemon, token: token)
        while !isOver() {
            try till.poll(daemon, token: token, limit)
            usleep(UInt32.random(in: 1_000...150_000))
        }
        // Nobody writes any more.
        let isCurrent: Bool? = try waitFor(seconds: 30) {
            try till.poll(daemon, token: token, limit)
            return till.isCurrent ? true : nil
        }
        guard isCurrent == true else { throw SocketFailure(description: "since= was told in full for 30 s") }
        return till
    }

    // MARK: What happens

    private func happen(
        _ ids: [Int], owner: String, _ random: inout SeededRandom
    ) throws -> [TurmoilHistory] {
        guard turmoil.restores else {
            // Long enough for what is a second old to be known as such, and to go.
            try write(ids, seconds: Double.random(in: 3.5...4.5, using: &random))
            return [
                try TurmoilHistory(daemon, businesses: ids) { [epoch = try storedEpoch()] in $0 == epoch }
            ]
        }
        let backup = daemon.directory.appendingPathComponent("backup-\(seed).db").path
        try write(ids, seconds: Double.random(in: 0.8...1.6, using: &random)) {
            usleep(UInt32.random(in: 100_000...600_000, using: &random))
            try backUp(to: backup)
        }
        let before = try storedEpoch()
        let lost = try TurmoilHistory(daemon, businesses: ids) { $0 == before }
        try putBack(backup)
        // At once, so that positions overtake what was served before anybody looks.
        try write(ids, seconds: Double.random(in: 0.8...1.6, using: &random))
        let isNoticed: Bool? = try waitFor(seconds: 30) {
            let epoch = try storedEpoch()
            return try epoch != before && servedEpoch(owner) == epoch ? true : nil
        }
        guard isNoticed == true else {
            throw SocketFailure(description: "no new epoch: \(daemon.log().suffix(800))")
        }
        // What was put back behind the gateway's back has the old name until that is noticed.
        let keepsItsName = turmoil != .restore
        return [lost, try TurmoilHistory(daemon, businesses: ids) { keepsItsName || $0 != before }]
    }

    private func write(_ ids: [Int], seconds: Double, meanwhile: () throws -> Void = {}) throws {
        let writers = try (0..<2).map {
            try daemon.startWriter(seed: seed * 10 + $0, seconds: seconds, businesses: ids)
        }
        try meanwhile()
        for writer in writers {
            writer.waitUntilExit()
            guard writer.terminationStatus == 0 else { throw SocketFailure(description: "a writer failed") }
        }
    }

    private func backUp(to path: String) throws {
        if turmoil == .restore {
            try daemon.tidings("backup", path)
        } else {
            try daemon.sql(".backup '\(path)'")
        }
    }

    private func putBack(_ path: String) throws {
        switch turmoil {
        case .restore: try daemon.tidings("restore", "--discard", path)
        case .restoredInPlace: try daemon.sql(".restore '\(path)'")
        default:
            try daemon.sql("PRAGMA wal_checkpoint(TRUNCATE);")
            for suffix in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: daemon.database + suffix)
            }
            guard unsafe rename(path, daemon.database) == 0 else {
                throw SocketFailure(description: "rename \(errno)")
            }
        }
    }

    private func storedEpoch() throws -> String {
        try daemon.sql("SELECT value FROM tidings_meta WHERE key='epoch';")
    }

    private func servedEpoch(_ token: String) throws -> String? {
        try daemon.ask("GET", "/sync/full?entities=units", token: token).json?["epoch"] as? String
    }

    // MARK: Judging

    private func judge(
        _ life: WanderingTill.Life, _ business: Int, _ histories: [TurmoilHistory],
        _ outcome: inout TurmoilOutcome
    ) {
        outcome.problems += life.problems
        outcome.checkpoints += life.checkpoints.count
        outcome.refused.merge(life.refused, uniquingKeysWith: +)
        for (epoch, checkpoints) in Dictionary(grouping: life.checkpoints, by: \.epoch) {
            let truths = histories.filter { $0.isNamed(epoch) }.compactMap { $0.truths[business] }
            guard let first = truths.first else {
                outcome.problems.append("nothing was ever served by the name \(epoch)")
                continue
            }
            let wrong = truths.dropFirst().reduce(first.wrong(checkpoints)) { wrong, truth in
                let stillWrong = truth.wrong(wrong.map(\.checkpoint))
                return stillWrong.isEmpty ? [] : stillWrong
            }
            outcome.problems += wrong.map(\.difference)
        }
    }

    private func judge(
        _ result: Result<TimeTill, any Error>, business: Int, _ outcome: inout TurmoilOutcome
    ) throws {
        switch result {
        case .failure(let error): outcome.problems.append("\(error)")
        case .success(let till):
            outcome.answers += till.answers
            outcome.fulls += till.fulls
            let table = try TimeTill.table(daemon, business: business)
            let ids = Set(table.keys).union(till.records.keys).filter { table[$0] != till.records[$0] }
            outcome.problems += ids.sorted().prefix(4).map {
                "by time: \($0): held \(till.records[$0] ?? "nothing"), "
                    + "the table has \(table[$0] ?? "nothing")"
            }
        }
    }
}
