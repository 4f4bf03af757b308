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
        let layout = Layout([options.size(streams, smoke: 3), 3])
        var table = Table("bulk", ["small_p50_ms", "small_p99_ms", "small_max_ms", "large_max_ms", "lost"])
        let rig = try TidingsRig(layout, rowsEach: rows)
        // Two load generators: in one, the small business's events would wait for the large one's to be read.
        let crowds = try layout.streams.enumerated().map {
            try Crowd(rig, [Crowd.Part(channel: $0.offset, count: $0.element)])
        }
        let paced = Publishing(
            count: options.size(100, smoke: 3), rate: 20, bulk: options.size(1_000, smoke: 200))
        let whole = Publishing(count: 1, bulk: rows)
        for (name, large) in [("tidings, 20 × 1,000 a second", paced), ("tidings, 1 × \(rows)", whole)] {
            var runs: [[Double]] = []
            for _ in 0..<options.rounds { runs.append(try measure(rig, layout, crowds, large)) }
            table.add(name, runs: runs)
        }
        table.print()
    }

    private func measure(
        _ rig: TidingsRig, _ layout: Layout, _ crowds: [Crowd], _ large: Publishing
    ) throws -> [Double] {
        for crowd in crowds { try crowd.reset() }
        // Of two rows: its stamps are taken when it has the write lock, so they do not count the wait for it.
        let small = Publishing(count: options.size(300, smoke: 8), rate: 40, first: 1, bulk: 2)
        let expected = zip([large, small], layout.streams).map { $0.count * $0.bulk * $1 }
        let publishers = try [rig.publish(large), rig.publish(small)]
        let reports = try zip(crowds, expected).map { try $0.receive($1, within: 60) }
        for publisher in publishers { try publisher.finish() }
        let groups = reports.map { $0.groups[0] }
        return [
            groups[1].p50, groups[1].p99, groups[1].max, groups[0].max,
            Double(expected.reduce(0, +) - reports.reduce(0) { $0 + $1.received }),
        ]
    }
}
