// What must not creep up, and does not drift with the machine: system calls for each delivery, bytes of an
// idle stream (few streams and unoptimised code: what does not grow with their number weighs more than in
// `scripts/bench memory`). The limits are in thresholds.json; raising one needs a reason in its commit.

import Foundation
import Testing
import TidingsTesting

@Suite(.serialized) struct CostTests {
    private static let canTrace = FileManager.default.isExecutableFile(atPath: "/usr/bin/strace")

    @Test(.enabled(if: canTrace, "needs strace")) func aDeliveryIsOneSystemCall() throws {
        try Self.compare(["calls"], ["calls_per_delivery", "epoll_ctl", "lost"])
    }

    @Test func anIdleStreamIsSmall() throws {
        try Self.compare(
            ["memory", "--alone", "--streams", "4000", "--seconds", "1"], ["rss_per_stream", "not_ready"])
    }

    /// Runs a bench and holds its figures to their thresholds; what has none must be 0.
    private static func compare(_ arguments: [String], _ figures: [String]) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let limits = try JSONDecoder().decode(
            [String: Double].self, from: Data(contentsOf: folder.appendingPathComponent("thresholds.json")))
        let program = Daemon.executable.deletingLastPathComponent().appendingPathComponent("tidings-bench")
        let (status, output) = try Daemon.run(program.path, arguments)
        try #require(status == 0, "\(output)")
        let line = try #require(output.split(separator: "\n").last, "\(output)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let row = try #require((json["rows"] as? [[String: Any]])?.first)
        for figure in figures {
            let value = try #require(row[figure] as? Double, "\(output)")
            #expect(value <= limits[figure] ?? 0, "\(figure) is \(value)\n\(output)")
        }
    }
}
