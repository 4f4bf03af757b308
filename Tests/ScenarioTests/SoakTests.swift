// The soak in small: that it runs, and that its verdict sees leaks and takes no warm-up for one.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct SoakTests {
    private static let folder = Daemon.writers.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Soak")

    private func python(_ program: String, _ arguments: String...) throws -> (status: Int32, output: String) {
        try runToEnd(
            "/usr/bin/env",
            ["python3", "-B", Self.folder.appendingPathComponent(program).path] + arguments)
    }

    @Test func theVerdictSeesLeaksAndNothingElse() throws {
        let (status, output) = try python("verdict_test.py")
        #expect(status == 0, "\(output)")
    }

    /// Twelve seconds say nothing of slopes, but every series is sampled and judged.
    @Test func everySeriesIsSampledAndJudged() throws {
        let (_, output) = try python("soak.py", Daemon.executable.path, "0.2")
        let verdict = try #require(output.range(of: "verdict\n"), "\(output)")
        let judged = output[verdict.upperBound...].split(separator: "\n").compactMap {
            $0.split(separator: " ").first
        }
        for series in [
            "rss_kib", "descriptors", "database_kib", "gateway_kib", "journal_rows", "tombstones", "wal_kib",
            "gateway_wal_kib",
        ] {
            #expect(judged.contains { $0 == series }, "\(output)")
        }
        #expect(output.contains("bounded"), "\(output)")
    }
}
