// Random transactions of every kind against the tables, compared after each.
//
//     TIDINGS_FUZZ_TRANSACTIONS=20000 swift test --filter HookFuzz      the long run
//     TIDINGS_TEST_SEED=17 swift test --filter HookFuzz                 one seed again

import Foundation
import Testing

@Suite struct HookFuzzTests {
    @Test func randomTransactionsLeaveNoDifference() throws {
        let environment = ProcessInfo.processInfo.environment
        let transactions = environment["TIDINGS_FUZZ_TRANSACTIONS"].flatMap { Int($0) } ?? 600
        let first = environment["TIDINGS_TEST_SEED"].flatMap { Int($0) } ?? 1
        let perSeed = 150
        for seed in first..<(first + max(1, transactions / perSeed)) {
            let wrong = try run(seed: seed, transactions: perSeed)
            guard wrong.isEmpty else {
                Issue.record("TIDINGS_TEST_SEED=\(seed) TIDINGS_FUZZ_TRANSACTIONS=1: \(wrong.prefix(6))")
                return
            }
        }
    }

    private func run(seed: Int, transactions: Int) throws -> [String] {
        let fixture = try HookFixture()
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Writers/fuzz.py")
        let writer = try StepWriter(script: script.path, arguments: [fixture.path, "\(seed)"])
        defer { writer.end() }
        for number in 1...transactions {
            guard writer.step() else { return ["the writer ended at transaction \(number)"] }
            let wrong = try fixture.differences()
            if !wrong.isEmpty { return ["after transaction \(number): \(wrong)"] }
        }
        return []
    }
}
