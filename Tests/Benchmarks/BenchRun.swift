// What the benches share: options, rigs side by side, medians, one table and one line of JSON.

import ArgumentParser
import Foundation
import TidingsTesting

struct BenchOptions: ParsableArguments {
    @Option(help: "Measurements, of which the median counts.") var runs = 3
    @Flag(help: "A few streams and messages, to see that everything works; no figure means anything.")
    var smoke = false
    @Flag(help: "Without Nchan, even if it is installed.") var withoutNchan = false
    @Flag(help: "Tidings alone.") var alone = false

    var rounds: Int { smoke ? 1 : runs }

    /// That many, or a few in a smoke.
    func size(_ full: Int, smoke few: Int) -> Int { smoke ? few : full }
}

/// Rigs with all their streams open, measured in turn.
struct Arena {
    let layout: Layout
    let rigs: [any Rig]
    let crowds: [Crowd]

    init(_ options: BenchOptions, _ layout: Layout, settings: [String] = []) throws {
        self.layout = layout
        rigs = try Self.rigs(options, layout, settings: settings)
        crowds = try rigs.map { try Crowd($0, layout) }
        for (rig, crowd) in zip(rigs, crowds) where crowd.opening.ready != layout.total {
            throw SocketFailure(
                description: "\(rig.name): \(crowd.opening.ready) of \(layout.total) streams became ready")
        }
    }

    static func rigs(_ options: BenchOptions, _ layout: Layout, settings: [String] = []) throws -> [any Rig] {
        var rigs: [any Rig] = [try TidingsRig(layout, settings: settings)]
        guard !options.alone else { return rigs }
        rigs.insert(try FloorRig(layout), at: 0)
        if NchanRig.isPresent, !options.withoutNchan, !options.smoke { rigs.append(try NchanRig(layout)) }
        return rigs
    }

    /// Publishes to one rig, and waits for everything to arrive.
    func measure(_ index: Int, _ publishing: Publishing, within seconds: Double = 60) throws -> Measurement {
        let (rig, crowd) = (rigs[index], crowds[index])
        try crowd.reset()
        let expected = publishing.expected(by: layout, stampsEach: rig.stamps(publishing))
        let before = rig.usage
        let publisher = try rig.publish(publishing)
        let report = try crowd.receive(expected, within: seconds)
        let commits = rig is TidingsRig ? try publisher.commitTimes() : CommitTimes()
        try publisher.finish()
        return Measurement(
            cpuSeconds: rig.usage.cpuSeconds - before.cpuSeconds, expected: expected, report: report,
            commits: commits)
    }
}

/// One measurement of one rig.
struct Measurement {
    let cpuSeconds: Double
    let expected: Int
    let report: Crowd.Report
    /// Of Tidings' publisher; the others' commit nothing.
    var commits = CommitTimes()

    /// Processor seconds of the server for a million deliveries.
    var cpuPerMillion: Double { cpuSeconds / Double(max(1, report.received)) * 1e6 }
    /// Stamps that did not come, or came twice (negative).
    var lost: Int { expected - report.received }
    var p50: Double { report.groups[0].p50 }
    var p99: Double { report.groups[0].p99 }
    var bytesEach: Double { Double(report.bytes) / Double(max(1, report.received)) }
}

/// Figures by row and column, for people and for programs.
struct Table {
    private let bench: String
    private let columns: [String]
    private var rows: [(name: String, values: [Double])] = []
    private let facts: [String: Any]

    /// - Parameter facts: What else the line of JSON says.
    init(_ bench: String, _ columns: [String], facts: [String: Any] = [:]) {
        self.bench = bench
        self.columns = columns
        self.facts = facts
    }

    /// A row of medians: a value a column from each run.
    mutating func add(_ name: String, runs: [[Double]]) {
        rows.append(
            (name, columns.indices.map { column in Summary(runs.map { $0[column] }).percentile(0.5) }))
    }

    mutating func add(_ name: String, _ values: [Double]) { rows.append((name, values)) }

    func print() {
        let width = max(10, rows.map(\.name.count).max() ?? 0)
        Swift.print(
            String(repeating: " ", count: width) + columns.map { $0.leftPadded(17) }.joined())
        for row in rows {
            Swift.print(
                row.name.padding(toLength: width, withPad: " ", startingAt: 0)
                    + row.values.map { $0.text($0.magnitude < 100 ? 3 : 0).leftPadded(17) }.joined())
        }
        var object = facts
        object["bench"] = bench
        object["rows"] = rows.map { row in
            var fields: [String: Any] = ["name": row.name]
            for (column, value) in zip(columns, row.values) where value.isFinite { fields[column] = value }
            return fields
        }
        printJSON(object)
    }
}
