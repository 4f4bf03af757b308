// Every bench in small, so that none rots: everything published arrives. Never a time.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct BenchSmokeTests {
    private func rows(_ bench: String, _ options: [String]) throws -> [[String: Any]] {
        let program = Daemon.executable.deletingLastPathComponent().appendingPathComponent("tidings-bench")
            .path
        let (status, output) = try runToEnd(program, [bench] + options)
        try #require(status == 0, "\(output)")
        let line = try #require(output.split(separator: "\n").last, "\(output)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        return try #require(json["rows"] as? [[String: Any]])
    }

    @Test(arguments: [
        "fanout", "tenants", "cores", "memory", "latency", "accept", "storm", "beside", "slow", "fair",
        "bulk",
        "drain", "scrape",
    ])
    func nothingIsLost(bench: String) throws {
        let rows = try rows(bench, ["--smoke"])
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
        let (status, output) = try runToEnd(program, ["hostile", "--smoke"])
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

    /// A thousand streams (`scripts/bench drain` has ten thousand) hear `bye` and are ended at the pace,
    /// their returns spread over the window; the process ends with 0 before it is over.
    @Test func aThousandStreamsAreToldAndEndedAtThePace() throws {
        let row = try #require(
            try rows("drain", ["--runs", "1", "--streams", "1000", "--window", "8", "--pace", "500"]).first)
        func figure(_ name: String) throws -> Double { try #require(row[name] as? Double, "\(row)") }
        #expect(try figure("lost") == 0, "\(row)")
        // At the pace it takes two seconds; a bench that is held up only adds to it.
        #expect(try figure("ended_s") >= 1.7, "\(row)")
        let (least, most) = (try figure("retry_least_s"), try figure("retry_most_s"))
        #expect(least >= 1 && most - least > 6, "\(row)")
        // Within the window streams are told, not cut.
        #expect(try figure("exited_s") < 8 + 5, "\(row)")
    }
}
