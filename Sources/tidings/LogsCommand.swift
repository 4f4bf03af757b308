// `tidings logs`: what each device synced.

import ArgumentParser
import Domain
import Lanes
import Registry

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show what each device synced: registrations, downloads, polls, uploads, ended streams.",
        discussion: "The newest rows that match, oldest first.")

    @Option(name: .long, help: "Only of this business.")
    var business: String?
    @Option(name: .long, help: "Only of this device.")
    var device: String?
    @Option(name: .long, help: "Only these: register, full, changes, batch or stream.")
    var kind: String?
    @Option(name: .long, help: "Only with this status; 499: the client had gone.")
    var status: Int?
    @Option(name: .long, help: "Only since this time, 2026-01-03T10:00:00Z.")
    var since: String?
    @Option(name: .long, help: "At most so many rows.")
    var limit = 100
    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    fileprivate struct Shown: Encodable {
        let at: String
        let kind: String
        let business: String?
        let device: String?
        let from: Int64?
        let to: Int64?
        let records: Int?
        let bytes: Int
        let milliseconds: Double
        let status: Int
        let reason: String?
        let address: String?
        let agent: String?
    }

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be positive") }
        guard kind.map({ SyncLogEntry.Kind(rawValue: $0) != nil }) ?? true else {
            throw ValidationError("there is no kind '\(kind ?? "")'")
        }
        guard since.map({ Timestamp(rfc3339: $0) != nil }) ?? true else {
            throw ValidationError("'\(since ?? "")' is not a time")
        }
    }

    func run() throws {
        let stores = try Stores(source)
        var filter = SyncLogFilter()
        filter.business = business.map { BusinessID(Key(parsing: $0)) }
        filter.device = device
        filter.kind = kind.flatMap(SyncLogEntry.Kind.init)
        filter.status = status
        filter.since = since.flatMap(Timestamp.init(rfc3339:))
        filter.limit = limit
        let rows = try Stores.complaining { try stores.registry().syncLogs(filter) }.map(Shown.init)
        try output.print(rows) {
            Output.table(
                ["time", "kind", "business", "device", "from", "to", "records", "bytes", "ms", "status"],
                rows.map { row in
                    [
                        row.at, row.kind, row.business ?? "-", row.device ?? "-", text(row.from),
                        text(row.to),
                        text(row.records), "\(row.bytes)", "\(row.milliseconds)",
                        row.reason.map { "\(row.status) \($0)" } ?? "\(row.status)",
                    ]
                })
        }
    }

    private func text(_ value: (any CustomStringConvertible)?) -> String { value?.description ?? "-" }
}

extension LogsCommand.Shown {
    fileprivate init(_ entry: SyncLogEntry) {
        at = entry.at.description
        kind = entry.kind.rawValue
        business = entry.business?.description
        device = entry.device
        from = entry.from?.rawValue
        to = entry.to?.rawValue
        records = entry.records
        bytes = entry.bytes
        milliseconds = (entry.duration / .microseconds(10)).rounded() / 100
        status = entry.status
        reason = entry.reason
        address = entry.address
        agent = entry.agent
    }
}
