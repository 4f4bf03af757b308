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

    /// Every attack is run and has its figures; how they are bounded: `HostileTests`.
    @Test func everyAttackIsPrintedWithItsFigures() throws {
        let program = Daemon.executable.deletingLastPathComponent().appendingPathComponent("tidings-bench")
            .path
        let (status, output) = try Daemon.run(program, ["hostile", "--smoke"])
        try #require(status == 0, "\(output)")
        let rows = try output.split(separator: "\n").filter { $0.hasPrefix("{") }.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
        }
        let names = Attack.allCases.map(\.rawValue) + ["descriptors"]
        #expect(rows.compactMap { $0["attack"] as? String } == names + ["timing"])
        for row in rows.dropLast() {
            #expect(try #require(row["seconds_to_cut"] as? Double) >= 0, "\(row)")
            #expect(try #require(row["grown_kib"] as? Double) < 64 * 1_024, "\(row)")
            #expect(try #require(row["cpu_share"] as? Double) < 3, "\(row)")
            #expect(try #require(row["others_slowest_ms"] as? Double) < 10_000, "\(row)")
            #expect(try #require(row["sockets_left"] as? Double) == 0, "\(row)")
        }
    }
}
