// What the rate limits' windows cost in memory when a million clients come within one window's length: the
// table by its default bound, and one with room for all of them.

import ArgumentParser
import Domain
import Foundation
import HTTP
import Settings
import TidingsTesting

struct RatesBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rates", abstract: "Bytes of the rate limits' windows, by how many are kept.")

    @Option(help: "Distinct clients within a minute.") var keys = 1_000_000

    func run() throws {
        print("clients   rates.keys   windows kept      MiB   bytes a window   ns a request")
        var tables: [RateTable] = []
        for bound in [Configuration().rates.keys, keys] {
            var table = RateTable(RateLimit(requests: 60, seconds: 60), keysMax: bound)
            let before = try residentKilobytes()
            let start = ContinuousClock.now
            var random = SeededRandom(seed: 1)
            for number in 0..<keys {
                let second = 1_767_434_400 + Double(number) / Double(keys) * 59
                // As hashes are: anywhere.
                _ = table.hit(
                    Int(truncatingIfNeeded: random.next()),
                    at: Timestamp(microseconds: Int64(second * 1_000_000)))
            }
            let nanoseconds = (ContinuousClock.now - start) / .nanoseconds(1) / Double(keys)
            let bytes = (try residentKilobytes() - before) * 1_024
            let each = Double(bytes) / Double(table.count)
            let mebibytes = Double(bytes) / 1_048_576
            let figures = [
                ("\(keys)", 7), ("\(bound)", 13), ("\(table.count)", 15), (mebibytes.text(1), 9),
                (each.text(0), 17), (nanoseconds.text(0), 15),
            ]
            print(figures.map { $0.0.leftPadded($0.1) }.joined())
            printJSON([
                "bench": "rates", "clients": keys, "keys_max": bound, "windows": table.count, "bytes": bytes,
                "bytes_a_window": each, "ns_a_request": nanoseconds,
            ])
            // The next one's memory is its own.
            tables.append(table)
        }
    }

    private func residentKilobytes() throws -> Int {
        try ProcessFigures(pid: ProcessInfo.processInfo.processIdentifier).residentKilobytes
    }
}
