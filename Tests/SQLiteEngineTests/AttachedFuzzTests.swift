// Random transactions of every kind over an attached database, compared after each.
//
//     TIDINGS_FUZZ_TRANSACTIONS=20000 swift test --filter AttachedFuzz      the long run
//     TIDINGS_TEST_SEED=17 swift test --filter AttachedFuzz                 one seed again

import Foundation
import SQLiteEngine
import Testing

@Suite struct AttachedFuzzTests {
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
        let fixture = try AttachedFixture()
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Writers/attached_fuzz.py")
        let writer = try StepWriter(script: script.path, arguments: [fixture.file.path, "\(seed)"])
        defer { writer.end() }
        for number in 1...transactions {
            guard writer.step() else { return ["the writer ended at transaction \(number)"] }
            let wrong = try fixture.differences()
            if !wrong.isEmpty { return ["after transaction \(number): \(wrong)"] }
        }
        return []
    }
}

/// A Python writer that does one transaction for each line it is sent.
final class StepWriter {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(script: String, arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// False when it ended.
    func step() -> Bool {
        input.fileHandleForWriting.write(Data("\n".utf8))
        var answer = Data()
        while answer.last != 0x0A {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { return false }
            answer += more
        }
        return true
    }

    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
