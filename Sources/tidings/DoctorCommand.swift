// `tidings doctor`: what is wrong, or soon will be, with the database, the machine and the way to the tills.

import ArgumentParser
import Foundation
import Settings

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at the database, the machine and the way to the tills; say what to do.",
        discussion: """
            Changes nothing. With --url a stream is opened through that address, by curl, and watched: does \
            something on the way buffer, compress or cut it?

            Exit code 0: nothing has to be done. 1: a warning. 2: something is broken.
            """)

    @Option(name: .long, help: "The public address, as tills know it, to try a stream through.")
    var url: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A file with a token that may read; without it: TIDINGS_TOKEN.", valueName: "file"))
    var tokenFile: String?
    @Option(name: .long, help: "How long to watch the stream: three heartbeats are enough.")
    var seconds = 50
    @Option(name: .long, help: ArgumentHelp("A certificate authority of your own.", valueName: "file"))
    var authority: String?
    @Option(name: .long, help: "The running gateway whose limits are looked at.")
    var pid: Int32?
    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (2...3_600).contains(seconds) else { throw ValidationError("--seconds: 2 to 3600") }
    }

    private struct Report: Encodable {
        let state: Finding.State
        let findings: [Finding]
    }

    func run() throws {
        let stores = try Stores(source)
        var findings = DatabaseChecks(stores: stores).findings()
        findings += MachineChecks(settings: stores.settings, pid: pid).findings()
        if let url {
            let bar = ProgressLine()
            bar.show("watching a stream through \(url) for \(seconds) s")
            findings += try Stores.complaining {
                try WayCheck(url: url, token: try token(), authority: authority, seconds: seconds).findings()
            }
            bar.clear()
        }
        let worst = findings.map(\.state).max() ?? .fine
        try output.print(Report(state: worst, findings: findings)) {
            findings.flatMap { finding in
                ["\(Self.mark(finding.state))  \(finding.check): \(finding.text)"]
                    + (finding.remedy.map { ["         -> \($0)"] } ?? [])
            }
        }
        switch worst {
        case .fine, .note: return
        case .warning: throw ExitCode.warned
        case .broken: throw ExitCode.broken
        }
    }

    private static func mark(_ state: Finding.State) -> String {
        switch state {
        case .fine: "ok     "
        case .note: "note   "
        case .warning: "WARNING"
        case .broken: "BROKEN "
        }
    }

    private struct NoToken: Error, CustomStringConvertible {
        var description: String { "--url needs a token: --token-file FILE, or TIDINGS_TOKEN" }
    }

    private func token() throws -> String {
        if let tokenFile {
            return try String(contentsOfFile: tokenFile, encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard let token = ProcessInfo.processInfo.environment["TIDINGS_TOKEN"] else { throw NoToken() }
        return token
    }
}
