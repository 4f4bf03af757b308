// What the database held at any position, from the journal alone: the journal is append-only and names
// entity, id and version of every change, so replaying it to N gives the live records at N.

import Foundation
import TidingsTesting

/// One business's journal, replayed forward.
struct JournalTruth {
    private struct Row {
        let seq: Int64
        let entity: String
        let id: String
        let isLife: Bool
        let version: Int64
    }

    private let rows: [Row]

    /// - Parameter table: Where the whole journal stands: its own table, as long as nothing is purged.
    init(
        _ daemon: Daemon, business: Int, names: [Int: String] = entityNames,
        table: String = "tidings_journal"
    ) throws {
        let text = try daemon.sql(
            "SELECT seq, entity, id, op, version FROM \(table) WHERE business=\(business) "
                + "ORDER BY seq;")
        rows = text.split(separator: "\n").map { line in
            let columns = line.split(separator: "|").map(String.init)
            return Row(
                seq: Int64(columns[0]) ?? 0, entity: names[Int(columns[1]) ?? 0] ?? "?", id: columns[2],
                isLife: columns[3] != "3", version: Int64(columns[4]) ?? 0)
        }
    }

    static let entityNames = [
        1: "products", 2: "categories", 3: "brands", 4: "units", 5: "parties", 6: "vats", 7: "payment_types",
        8: "warehouses", 9: "attributes", 10: "attribute_values", 11: "variants", 12: "stocks", 13: "sales",
        14: "sale_items", 15: "purchases", 16: "purchase_items", 17: "due_collects",
    ]

    /// Checkpoints whose copy is not what the journal says. Each is compared at its own position.
    ///
    /// - Parameter forgivesMissing: Where hooks are taken away, a row can be gone before the journal knows:
    ///   the copy may lack it then. It may never hold what the journal does not say.
    func differences(_ checkpoints: [Till.Checkpoint], forgivesMissing: Bool = false) -> [String] {
        wrong(checkpoints, forgivesMissing: forgivesMissing).map(\.difference)
    }

    /// The same with the checkpoints concerned, once for each entity that is wrong.
    func wrong(
        _ checkpoints: [Till.Checkpoint], forgivesMissing: Bool = false
    ) -> [(checkpoint: Till.Checkpoint, difference: String)] {
        var state: [String: [String: Int64]] = [:]
        var next = 0
        var wrong: [(checkpoint: Till.Checkpoint, difference: String)] = []
        for checkpoint in checkpoints.sorted(by: { $0.position < $1.position }) {
            while next < rows.count, rows[next].seq <= checkpoint.position {
                let row = rows[next]
                state[row.entity, default: [:]][row.id] = row.isLife ? row.version : nil
                next += 1
            }
            for entity in checkpoint.entities where state[entity] ?? [:] != checkpoint.versions[entity] ?? [:]
            {
                let truth = state[entity] ?? [:]
                let held = checkpoint.versions[entity] ?? [:]
                let ids = Set(truth.keys).union(held.keys).filter {
                    truth[$0] != held[$0] && !(forgivesMissing && held[$0] == nil)
                }.sorted().prefix(5)
                if ids.isEmpty { continue }
                let details = ids.map {
                    "\($0): \(truth[$0].map(String.init) ?? "-")≠\(held[$0].map(String.init) ?? "-")"
                }
                let place = "\(checkpoint.why) at \(checkpoint.position) of \(checkpoint.epoch)"
                wrong.append((checkpoint, "\(place): \(entity) \(details.joined(separator: ", "))"))
            }
        }
        return wrong
    }
}
