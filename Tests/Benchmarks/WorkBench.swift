// Instructions and allocations of the gateway's own code for each delivery, counted by callgrind: unlike
// times, they do not drift with the machine. Two runs of different lengths, and the difference: what begins
// and ends a run is in both.

import ArgumentParser
import Foundation
import TidingsTesting

struct WorkBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Instructions and allocations per delivery (needs valgrind).")

    @Option(help: "Streams of one business.") var streams = 1_000
    @Option(help: "Snapshots by which the longer run is longer.") var snapshots = 20

    func run() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        // Valgrind stumbles over Swift's debug information.
        let program = directory.appendingPathComponent("tidings-bench").path
        try Child.run("/usr/bin/strip", ["-g", "-o", program, CommandLine.arguments[0]])
        let few = try count(program, 5, directory)
        let many = try count(program, 5 + snapshots, directory)
        let deliveries = Double(streams * snapshots)
        var table = Table(
            "work", ["instructions_per_delivery", "allocations_per_delivery"], facts: ["streams": streams])
        table.add(
            "tidings",
            [
                Double(many.instructions - few.instructions) / deliveries,
                Double(many.allocations - few.allocations) / deliveries,
            ])
        table.print()
    }

    private func count(
        _ program: String, _ snapshots: Int, _ directory: URL
    ) throws -> (instructions: Int, allocations: Int) {
        let out = directory.appendingPathComponent("callgrind.\(snapshots)")
        try Child.run(
            "/usr/bin/valgrind",
            [
                "-q", "--tool=callgrind", "--callgrind-out-file=\(out.path)", program, "deliver", "--streams",
                "\(streams)", "--snapshots", "\(snapshots)",
            ])
        return Self.figures(try String(contentsOf: out, encoding: .utf8))
    }

    /// Of a callgrind file: its total, and how often malloc was called. A function has its name where it is
    /// met first, and a number everywhere: `cfn=(12) malloc`, later `cfn=(12)`; the line after it tells the
    /// calls.
    private static func figures(_ file: String) -> (instructions: Int, allocations: Int) {
        var (instructions, allocations) = (0, 0)
        var malloc = Substring()
        var isMalloc = false
        for line in file.split(separator: "\n") {
            if line.hasPrefix("totals: ") { instructions = Int(line.dropFirst(8)) ?? 0 }
            if line.hasPrefix("cfn=") || line.hasPrefix("fn=") {
                let words = line.drop { $0 != "(" }.split(separator: " ", maxSplits: 1)
                if words.count == 2, words[1] == "malloc" { malloc = words[0] }
                isMalloc = line.hasPrefix("cfn=") && words.first == malloc
            } else if isMalloc, line.hasPrefix("calls=") {
                allocations += line.dropFirst(6).split(separator: " ").first.flatMap { Int($0) } ?? 0
            }
        }
        return (instructions, allocations)
    }
}
