// A small business beside a very large one: what its tills wait for a commit of its own while the large one
// is written to all the time.

import ArgumentParser

struct FairBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fair",
        abstract: "A commit in a business of 3 beside one of 9,000 under constant writes.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams of the large business.") var streams = 9_000
    @Option(help: "Its commits a second.") var rate = 8.0

    func run() throws {
        var table = Table(
            "fair",
            [
                "small_p50_ms", "small_p99_ms", "its_commit_p50", "its_commit_p99", "large_p50_ms",
                "large_p99_ms", "lost",
            ])
        let neighbours = try Neighbours(large: options.size(streams, smoke: 40), small: 3)
        let large = Publishing(count: options.size(48, smoke: 4), rate: options.smoke ? 20 : rate)
        let small = Publishing(count: options.size(240, smoke: 8), rate: 40)
        var runs: [[Double]] = []
        for _ in 0..<options.rounds {
            let found = try neighbours.measure(large: large, small: small)
            runs.append([
                found.small.p50, found.small.p99, found.smallCommits.p50, found.smallCommits.p99,
                found.large.p50, found.large.p99, Double(found.lost),
            ])
        }
        table.add("tidings", runs: runs)
        table.print()
    }
}
