// What must not creep up, and does not drift with the machine: system calls, instructions and allocations for
// each delivery (the last two in unoptimised code), SQLite's steps for each answer, bytes of an idle stream
// and of one that left (few streams and unoptimised code: what does not grow with their number weighs more
// than in `scripts/bench memory`). The limits are in thresholds.json; raising one needs a reason in its
// commit.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct CostTests {
    private static let canCount = FileManager.default.isExecutableFile(atPath: "/usr/bin/valgrind")
    private static let canTrace = FileManager.default.isExecutableFile(atPath: "/usr/bin/strace")

    @Test(.enabled(if: canTrace, "needs strace")) func aDeliveryIsOneSystemCall() throws {
        try Self.compare(["calls"], ["calls_per_delivery", "epoll_ctl", "lost"])
    }

    @Test(.enabled(if: canCount, "needs valgrind")) func aDeliveryIsLittleWork() throws {
        try Self.compare(
            ["work", "--streams", "200"], ["instructions_per_delivery", "allocations_per_delivery"])
    }

    @Test func anIdleStreamIsSmall() throws {
        try Self.compare(
            ["memory", "--alone", "--streams", "4000", "--seconds", "1"],
            ["rss_per_stream", "left_per_stream", "not_ready"])
    }

    /// By the size of the shop not at all: `scripts/bench changes` shows it up to a million products.
    @Test func anAnswerCostsWhatItTells() throws {
        let sizes = try Self.rows(["changes", "--products", "1000,10000", "--requests", "20"])
        try #require(sizes.count == 2)
        #expect(sizes.allSatisfy { $0["records"] as? Int == 25 })
        for figure in ["steps", "steps_empty", "steps_single"] {
            #expect(sizes[0][figure] as? Int == sizes[1][figure] as? Int, "\(figure): \(sizes)")
        }
        try Self.compare(sizes[1], ["steps", "steps_empty", "steps_single", "rows_scanned"])
    }

    private static func compare(_ arguments: [String], _ figures: [String]) throws {
        try compare(try #require(try rows(arguments).first), figures)
    }

    /// Holds a bench's figures to their thresholds; what has none must be 0.
    private static func compare(_ row: [String: Any], _ figures: [String]) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let limits = try JSONDecoder().decode(
            [String: Double].self, from: Data(contentsOf: folder.appendingPathComponent("thresholds.json")))
        for figure in figures {
            let value = try #require(row[figure] as? Double, "\(row)")
            #expect(value <= limits[figure] ?? 0, "\(figure) is \(value): \(row)")
        }
    }

    /// What a bench printed for machines: one object a line, or its `rows`.
    private static func rows(_ arguments: [String]) throws -> [[String: Any]] {
        let program = Daemon.executable.deletingLastPathComponent().appendingPathComponent("tidings-bench")
        let (status, output) = try runToEnd(program.path, arguments)
        try #require(status == 0, "\(output)")
        return try output.split(separator: "\n").filter { $0.hasPrefix("{") }.flatMap { line in
            let json = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return json["rows"] as? [[String: Any]] ?? [json]
        }
    }
}
