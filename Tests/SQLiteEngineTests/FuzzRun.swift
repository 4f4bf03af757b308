// Random transactions by a Python writer, the state index compared with the tables after each: what the
// fuzzes of the embedded shop and of attached databases have in common.

import Foundation
import Testing
import TidingsTesting

/// Seeds one after another, until one finds a difference.
enum FuzzRun {
    /// What a fixture offers to be fuzzed.
    struct Subject {
        let path: String
        /// What is wrong with the state index; empty when nothing is.
        let differences: () throws -> [String]
    }

    private static let transactionsPerSeed = 150

    /// `TIDINGS_FUZZ_TRANSACTIONS` in all (600), from `TIDINGS_TEST_SEED` (1) on. Records an issue that names
    /// the seed.
    ///
    /// - Parameters:
    ///   - script: In Writers/.
    ///   - make: A fresh database for each seed, which lives as long as what it returns.
    static func everySeed(writing script: String, make: () throws -> Subject) throws {
        let environment = ProcessInfo.processInfo.environment
        let transactions = environment["TIDINGS_FUZZ_TRANSACTIONS"].flatMap { Int($0) } ?? 600
        let first = environment["TIDINGS_TEST_SEED"].flatMap { Int($0) } ?? 1
        for seed in first..<(first + max(1, transactions / transactionsPerSeed)) {
            let wrong = try run(seed, script, try make())
            guard wrong.isEmpty else {
                Issue.record("TIDINGS_TEST_SEED=\(seed) TIDINGS_FUZZ_TRANSACTIONS=1: \(wrong.prefix(6))")
                return
            }
        }
    }

    private static func run(_ seed: Int, _ script: String, _ subject: Subject) throws -> [String] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Writers/\(script)"
        ).path
        let writer = try StepWriter(script: path, arguments: [subject.path, "\(seed)"])
        defer { writer.end() }
        for number in 1...transactionsPerSeed {
            guard writer.step() else { return ["the writer ended at transaction \(number)"] }
            let wrong = try subject.differences()
            if !wrong.isEmpty { return ["after transaction \(number): \(wrong)"] }
        }
        return []
    }
}

/// A Python writer that does one transaction for each line it is sent.
final class StepWriter {
    private let process = Process()
    private let input = Pipe.unshared()
    private let output = Pipe.unshared()

    init(script: String, arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.start()
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
