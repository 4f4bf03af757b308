// The other process that writes: what an application does, one small transaction after another. A stamp is
// taken once the transaction has begun, so that the hooks, the wait for the disk, the tailing and the
// encoding are inside every figure, and the wait for another writer's lock is not. What a commit takes of it
// is said at the end.

import ArgumentParser
import Foundation
import GRDB
import Glibc

struct CommitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Used by the benches: commits stamps.", shouldDisplay: false)

    @Option var database: String
    @Option var count: Int
    @Option var rate = 0.0
    @Option var channels = 1
    @Option var first = 0
    @Option var rowsEach = 16
    @Option var bulk = 1

    func run() throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: database, configuration: configuration)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            let update = try db.makeStatement(sql: "UPDATE brands SET name = ? WHERE id = ?")
            let begin = try db.makeStatement(sql: "BEGIN IMMEDIATE")
            let commit = try db.makeStatement(sql: "COMMIT")
            var took: [Double] = []
            var next = monotonicNanoseconds()
            for number in 0..<count {
                // In one go: whoever looks at the clock all the time takes a tenth of the core from others.
                let early = rate > 0 ? (next - monotonicNanoseconds()) / 1_000 : 0
                if early > 0 { usleep(useconds_t(early)) }
                if rate > 0 { next += Int64(1e9 / rate) }
                try begin.execute()
                let begun = monotonicNanoseconds()
                let firstRow = (first + number % channels) * rowsEach + 1
                for row in 0..<bulk {
                    let place = (number / channels * bulk + row) % rowsEach
                    try update.execute(arguments: ["@\(monotonicNanoseconds())@", firstRow + place])
                }
                try commit.execute()
                took.append(Double(monotonicNanoseconds() - begun) / 1e6)
            }
            let summary = Summary(took)
            print(summary.percentile(0.5), summary.percentile(0.99))
        }
    }
}

extension Child {
    /// What its commits took, in milliseconds: for a child that commits, at its end.
    func commitTimes() throws -> CommitTimes {
        let words = try line().split(separator: " ").compactMap { Double($0) }
        return CommitTimes(p50: words.first ?? .nan, p99: words.last ?? .nan)
    }
}

/// From the beginning of a transaction to the end of its COMMIT, in milliseconds: its writer's own time.
struct CommitTimes {
    var p50 = Double.nan
    var p99 = Double.nan
}

/// CLOCK_MONOTONIC, the same for all processes of the machine.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
