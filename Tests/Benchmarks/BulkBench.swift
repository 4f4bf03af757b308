// Transactions of very many rows: whether the gateway keeps up with them, and what they cost a small business
// beside the one they are for.

import ArgumentParser

struct BulkBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk",
        abstract: "20,000 changes a second by transactions of 1,000, and one transaction of 100,000.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams of the business that is written in bulk.") var streams = 10
    @Option(help: "Rows of the one large transaction.") var rows = 100_000

    func run() throws {
        let rows = options.size(rows, smoke: 3_000)
        var table = Table("bulk", ["small_p50_ms", "small_p99_ms", "small_max_ms", "large_max_ms", "lost"])
        let neighbours = try Neighbours(large: options.size(streams, smoke: 3), small: 3, rowsEach: rows)
        // Of two rows: its stamps are taken when it has the write lock, so they do not count the wait for it.
        let small = Publishing(count: options.size(300, smoke: 8), rate: 40, bulk: 2)
        let paced = Publishing(
            count: options.size(100, smoke: 3), rate: 20, bulk: options.size(1_000, smoke: 200))
        let whole = Publishing(count: 1, bulk: rows)
        for (name, large) in [("tidings, 20 × 1,000 a second", paced), ("tidings, 1 × \(rows)", whole)] {
            var runs: [[Double]] = []
            for _ in 0..<options.rounds {
                let found = try neighbours.measure(large: large, small: small)
                runs.append([
                    found.small.p50, found.small.p99, found.small.max, found.large.max, Double(found.lost),
                ])
            }
            table.add(name, runs: runs)
        }
        table.print()
    }
}
