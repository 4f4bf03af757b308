// Streams taken in: connect, a request with a token of its own, authenticated, answered with its first
// events. A few hundred at a time, and all at once.

import ArgumentParser
import Glibc

struct AcceptBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Authenticated streams taken in per second on one core.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams.") var streams = 10_000

    func run() throws {
        let count = options.size(streams, smoke: 60)
        let layout = Layout(streams: count, channels: options.size(100, smoke: 3))
        var table = Table(
            "accept", ["streams_per_s", "per_core_second", "cpu_us_each", "not_ready"],
            facts: ["streams": count])
        for (name, burst) in [("256 at a time", 256), ("all at once", count)] {
            var figures: [String: [[Double]]] = [:]
            let rigs = try Arena.rigs(options, layout)
            for _ in 0..<options.rounds {
                for rig in rigs {
                    let before = rig.usage
                    let crowd = try Crowd(rig, layout, burst: burst)
                    let cpu = rig.usage.cpuSeconds - before.cpuSeconds
                    figures[rig.name, default: []].append([
                        Double(count) / crowd.opening.seconds, Double(count) / cpu, cpu / Double(count) * 1e6,
                        Double(count - crowd.opening.ready),
                    ])
                    try crowd.close()
                    // The closing of these is not the next ones' cost.
                    usleep(options.smoke ? 100_000 : 1_500_000)
                }
            }
            for rig in rigs { table.add("\(rig.name), \(name)", runs: figures[rig.name] ?? []) }
        }
        table.print()
    }
}
