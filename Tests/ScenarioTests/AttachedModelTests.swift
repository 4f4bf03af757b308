// The model check beside an application's database that migrates in mid-run: random writers that know
// nothing of hooks, tables rebuilt and triggers dropped under them, random tills. What is written while the
// hooks are gone is put right a moment later: until then a copy may lack a row that went unseen, but at every
// position it holds nothing that the journal does not say. In the end it is what the tables hold, field by
// field.
//
//     TIDINGS_TEST_ROUNDS=500 swift test --filter AttachedModel      the long run

import Domain
import Foundation
import Synchronization
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct AttachedModelTests {
    @Test func copiesEqualTheTablesThroughMigrations() throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["TIDINGS_TEST_ROUNDS"].flatMap { Int($0) } ?? 6
        let first = environment["TIDINGS_TEST_SEED"].flatMap { Int($0) } ?? 1
        let daemon = try Daemon(["hooks.audit_pause=50ms"], attachedTo: .stall)
        let owner = try daemon.owner(of: 7)
        var (compared, migrations) = (0, 0)
        for seed in first..<(first + rounds) {
            let round = AttachedRound(daemon: daemon, owner: owner, seed: seed)
            let result = try round.run()
            compared += result.checkpoints
            migrations += result.migrations
            guard result.problems.isEmpty else {
                let list = result.problems.prefix(12).joined(separator: "\n  ")
                Issue.record(
                    "TIDINGS_TEST_SEED=\(seed) TIDINGS_TEST_ROUNDS=1:\n  \(list)\n\(daemon.log().suffix(2_000))"
                )
                return
            }
        }
        print("attached model check: \(rounds) rounds, \(compared) copies compared, \(migrations) migrations")
        #expect(compared > rounds * 3)
        #expect(migrations >= rounds, "nothing migrated")
        #expect(try daemon.metric("tidings_hooks_restored_total") > 0)
    }
}

/// One round: two Python writers, one of which migrates, and three tills.
private struct AttachedRound {
    let daemon: Daemon
    let owner: String
    let seed: Int

    struct Outcome {
        var problems: [String] = []
        var checkpoints = 0
        var migrations = 0
    }

    /// What a till met, and the fields it holds at the end, by entity and id.
    struct Life: Sendable {
        let problems: [String]
        let checkpoints: [Till.Checkpoint]
        let held: [String: [String: String]]
    }

    func run() throws -> Outcome {
        var random = SeededRandom(seed: UInt64(seed))
        let seconds = Double.random(in: 0.8...1.6, using: &random)
        let writers = try ["writes", "migrates"].map { try writer($0, seconds: seconds) }
        let isOver = Mutex(false)
        let lives = Mutex<[Life]>([])
        let group = DispatchGroup()
        for number in 0..<3 {
            let token = try daemon.register("till-\(seed)-\(number)", by: owner)
            let (daemon, tillSeed) = (daemon, random.next())
            group.enter()
            Thread {
                let life = Self.live(daemon, token, tillSeed) { isOver.withLock { $0 } }
                lives.withLock { $0.append(life) }
                group.leave()
            }.start()
        }
        var outcome = Outcome()
        for (process, output) in writers {
            process.waitUntilExit()
            let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            outcome.migrations += Int(said.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
            if process.terminationStatus != 0 { outcome.problems.append("a writer failed: \(said)") }
        }
        if !settles() { outcome.problems.append("the hooks were not put right in time") }
        isOver.withLock { $0 = true }
        guard group.wait(timeout: .now() + 240) == .success else {
            outcome.problems.append("a till did not finish within 240 s")
            return outcome
        }
        return try compare(lives.withLock { $0 }, outcome)
    }

    /// Lives on a thread of its own until the round is over, then catches up.
    private static func live(
        _ daemon: Daemon, _ token: String, _ seed: UInt64, until isOver: () -> Bool
    ) -> Life {
        let till = WanderingTill(
            daemon: daemon, token: token, entities: ["items", "orders"], foreignCanaries: ["canary"],
            seed: seed, checksTotals: false)
        var problems: [String] = []
        do {
            while !isOver() && till.till.violations.isEmpty { try till.step() }
            try till.finish()
        } catch {
            problems.append("\(error)")
        }
        return Life(
            problems: problems + till.till.violations, checkpoints: till.till.checkpoints,
            held: till.till.copy.mapValues { $0.mapValues { Self.fields($0.record) } })
    }

    /// Hooks in step, nothing left to be walked, and one whole audit since.
    private func settles() -> Bool {
        let inStep: Bool? = waitFor(seconds: 30) {
            (try? daemon.tidings("hooks", "status")) != nil && daemon.isReady ? true : nil
        }
        guard inStep != nil, let passes = try? daemon.metric("tidings_audit_passes_total") else {
            return false
        }
        return waitFor(seconds: 30) {
            ((try? daemon.metric("tidings_audit_passes_total")) ?? 0) >= passes + 2 ? true : nil
        } ?? false
    }

    private func writer(_ role: String, seconds: Double) throws -> (Process, Pipe) {
        let process = Process()
        let output = Pipe.unshared()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", Daemon.writers.appendingPathComponent("stall_writer.py").path, daemon.database,
            "\(seed)", "\(seconds)", role,
        ]
        process.standardOutput = output
        try process.start()
        return (process, output)
    }

    private func compare(_ lives: [Life], _ outcome: Outcome) throws -> Outcome {
        var outcome = outcome
        let truth = try JournalTruth(daemon, business: 7, names: AttachedApplication.stallNames)
        let tables = try Self.tables(daemon)
        for life in lives {
            outcome.problems += life.problems + truth.differences(life.checkpoints, forgivesMissing: true)
            outcome.checkpoints += life.checkpoints.count
            for entity in ["items", "orders"] where life.held[entity] ?? [:] != tables[entity] ?? [:] {
                let (have, want) = (life.held[entity] ?? [:], tables[entity] ?? [:])
                let ids = Set(have.keys).union(want.keys).filter { have[$0] != want[$0] }.sorted().prefix(4)
                outcome.problems += ids.map {
                    "\(entity) \($0): held \(have[$0] ?? "nothing"), the table has \(want[$0] ?? "nothing")"
                }
            }
        }
        return outcome
    }

    /// What clients should see, straight from the tables: entity, id, fields in one text.
    private static func tables(_ daemon: Daemon) throws -> [String: [String: String]] {
        let text = try daemon.sql(
            """
            SELECT 'items', code, ifnull(barcode,'-')||' '||ifnull(name,'-') FROM items;
            SELECT 'orders', id, ifnull(note,'-')||(SELECT ifnull(group_concat(line,''),'') FROM (
              SELECT ' '||place||':'||ifnull(item,'-')||':'||ifnull(quantity,'-') AS line FROM order_lines
              WHERE order_id=orders.id ORDER BY place)) FROM orders;
            """)
        var tables: [String: [String: String]] = [:]
        for line in text.split(separator: "\n") {
            let columns = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            tables[columns[0], default: [:]][columns[1]] = columns[2]
        }
        return tables
    }

    private static func fields(_ record: NSDictionary) -> String {
        func text(_ value: Any?) -> String { value.map { $0 is NSNull ? "-" : "\($0)" } ?? "?" }
        guard let lines = record["lines"] as? [NSDictionary] else {
            return text(record["barcode"]) + " " + text(record["name"])
        }
        return text(record["note"])
            + lines.map { " \(text($0["place"])):\(text($0["item"])):\(text($0["quantity"]))" }.joined()
    }
}
