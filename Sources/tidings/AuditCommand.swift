// `tidings audit`: tables against the state index, now.

import ArgumentParser
import Domain
import SQLiteEngine
import Settings

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Compare the tables with what was journaled, and journal what differs.",
        discussion: """
            Reads in small chunks beside running writers. What a write behind the hooks left different (a \
            record that is there or gone, of another business, deleted or restored, with another version) is \
            journaled and reaches every till. In a table without a version column, changed content alone is \
            not seen. Exit code 0: nothing differed. 3: something did.
            """)

    @Flag(name: .long, help: "Only look; journal nothing.")
    var dryRun = false
    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    private struct Shown: Encodable {
        let entity: String
        let examined: Int
        let differing: Int
    }

    func run() throws {
        let stores = try Stores(source)
        let findings = try Stores.complaining {
            let bar = ProgressLine()
            let installer = try HooksCommand.installer(stores)
            let status = try installer.status()
            guard status.unfinished.isEmpty else {
                throw Unfinished(tables: status.unfinished)
            }
            let findings = try installer.audit(repairs: !dryRun) {
                bar.show("\($0.entity.text): \($0.examined) keys compared, \($0.differing) differ")
            }
            bar.clear()
            return findings
        }
        let shown = findings.map {
            Shown(entity: $0.entity.text, examined: $0.examined, differing: $0.differing)
        }
        try output.print(shown) {
            Output.table(
                ["entity", "keys", dryRun ? "differ" : "journaled"],
                shown.map { [$0.entity, "\($0.examined)", "\($0.differing)"] })
        }
        if findings.contains(where: { $0.differing > 0 }) { throw ExitCode.differs }
    }

    private struct Unfinished: Error, CustomStringConvertible {
        let tables: [String]
        var description: String {
            "the rows of \(tables.joined(separator: ", ")) are not all journaled yet: run "
                + "`tidings hooks install`, or wait for the gateway"
        }
    }
}
