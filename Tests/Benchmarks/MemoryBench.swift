// What an idle stream costs in memory of the process (kernel buffers are the kernel's), whether it comes
// back, and what ten thousand idle ones cost in processor time.

import ArgumentParser
import Glibc
import TidingsTesting

struct MemoryBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "Bytes per idle stream, and CPU of an idle gateway.")

    @OptionGroup var options: BenchOptions
    @Option(help: "Streams, comma separated.") var streams = "10000,18000"
    @Option(help: "Seconds of idleness: several heartbeats' worth.") var seconds = 45

    func run() throws {
        var table = Table(
            "memory",
            ["rss_per_stream", "pss_per_stream", "left_per_stream", "idle_core_percent", "not_ready"])
        let counts = options.smoke ? [40] : streams.split(separator: ",").compactMap { Int($0) }
        for count in counts {
            let layout = Layout(streams: count, channels: options.size(100, smoke: 4))
            for rig in try Arena.rigs(options, layout, settings: ["stream.heartbeat=15s"]) {
                table.add("\(rig.name), \(count)", try measure(rig, layout))
            }
        }
        table.print()
    }

    private func measure(_ rig: any Rig, _ layout: Layout) throws -> [Double] {
        // One stream of each channel first, so that what is made once is not counted.
        let few = Layout(layout.streams.map { _ in 1 })
        let warm = try Crowd(rig, few)
        // A gateway that has just started still keeps house: its first looks at hooks, its first checkpoint.
        usleep(options.smoke ? 100_000 : 6_000_000)
        let before = rig.usage
        let rest = Layout(layout.streams.map { $0 - 1 })
        let crowd = try Crowd(rig, rest)
        // Tokens' use is written down within the second.
        usleep(options.smoke ? 100_000 : 2_000_000)
        let full = rig.usage
        sleep(UInt32(options.size(seconds, smoke: 1)))
        let idle = rig.usage
        let held = Double(rest.total)
        try crowd.close()
        usleep(useconds_t(options.size(4_000_000, smoke: 100_000)))
        let after = rig.usage
        _ = warm
        return [
            Double(full.residentBytes - before.residentBytes) / held,
            Double(full.proportionalBytes - before.proportionalBytes) / held,
            Double(after.residentBytes - before.residentBytes) / held,
            (idle.cpuSeconds - full.cpuSeconds) / Double(options.size(seconds, smoke: 1)) * 100,
            held - Double(crowd.opening.ready),
        ]
    }
}
