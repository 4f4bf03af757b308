// `tidings tail`: the change journal as it grows, straight from the database; no gateway needed.

import ArgumentParser
import Domain
import Foundation
import SQLiteEngine

struct TailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Follow the change journal on the terminal.",
        discussion:
            "One line a change, from now on or from --after; ends with Ctrl-C, or when --count is reached.")

    @Option(name: .long, help: "Begin after this seq instead of now.")
    var after: Int64?
    @Option(name: .long, help: "Only changes of this business.")
    var business: String?
    @Option(name: .long, help: "End after this many changes.")
    var count: Int?
    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    private struct Shown: Encodable {
        let seq: Int64
        let business: String
        let entity: String
        let id: String
        let operation: String
        let version: Int64
        let writtenAt: String
    }

    func run() throws {
        let stores = try Stores(source)
        try Stores.complaining {
            let follower = try JournalFollower(file: stores.file, after: after.map { Seq($0) })
            var left = count ?? .max
            while left > 0 {
                let changes = try follower.next()
                for change in changes.prefix(left)
                where business == nil || business == change.business.description {
                    try show(change, stores.catalogue)
                    left -= 1
                }
                fflush(nil)
                if changes.isEmpty { Thread.sleep(forTimeInterval: 0.1) }
            }
        }
    }

    private func show(_ change: Change, _ catalogue: EntityCatalogue) throws {
        let shown = Shown(
            seq: change.seq.rawValue, business: change.business.description,
            entity: catalogue[change.record.entity]?.name.text ?? "entity \(change.record.entity)",
            id: change.record.id.description, operation: "\(change.operation)", version: change.version,
            writtenAt: Timestamp(milliseconds: change.writtenAtMilliseconds).description)
        try output.print(shown) {
            [
                "\(shown.seq)  \(shown.writtenAt)  business \(shown.business)  \(shown.operation) "
                    + "\(shown.entity) \(shown.id)  v\(shown.version)"
            ]
        }
    }
}
