// The other process that writes: what an application does, one small transaction after another. A stamp is
// taken before COMMIT is asked for, so that the wait for the disk, the hooks, the tailing and the encoding
// are inside every figure.

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
            var next = monotonicNanoseconds()
            for number in 0..<count {
                // In one go: whoever looks at the clock all the time takes a tenth of the core from others.
                let early = rate > 0 ? (next - monotonicNanoseconds()) / 1_000 : 0
                if early > 0 { usleep(useconds_t(early)) }
                if rate > 0 { next += Int64(1e9 / rate) }
                if bulk > 1 { try db.execute(sql: "BEGIN IMMEDIATE") }
                let firstRow = (first + number % channels) * rowsEach + 1
                for row in 0..<bulk {
                    let place = (number / channels * bulk + row) % rowsEach
                    try update.execute(arguments: ["@\(monotonicNanoseconds())@", firstRow + place])
                }
                if bulk > 1 { try db.execute(sql: "COMMIT") }
            }
        }
    }
}

/// CLOCK_MONOTONIC, the same for all processes of the machine.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
