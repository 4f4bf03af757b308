// Every bench in small, so that none rots: everything published arrives. Never a time.

import Foundation
import Testing
import TidingsTesting

@Suite(.serialized) struct BenchSmokeTests {
    @Test(arguments: ["fanout", "tenants", "memory", "latency", "accept", "storm", "slow", "fair"])
    func nothingIsLost(bench: String) throws {
        let program = Daemon.executable.deletingLastPathComponent().appendingPathComponent("tidings-bench")
            .path
        let (status, output) = try Daemon.run(program, [bench, "--smoke"])
        try #require(status == 0, "\(output)")
        let line = try #require(output.split(separator: "\n").last, "\(output)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let rows = try #require(json["rows"] as? [[String: Any]])
        #expect(rows.contains { ($0["name"] as? String)?.contains("tidings") ?? false })
        for row in rows {
            let lost = try #require(row["lost"] as? Double ?? row["not_ready"] as? Double)
            #expect(lost == 0, "\(row)")
        }
    }
}
