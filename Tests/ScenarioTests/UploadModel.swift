// What uploads should come to, as simply as it can be said: operations one after another on a dictionary. No
// SQL, no savepoints: a group is tried on a copy.

import Foundation
import TidingsTesting

/// One operation as a device thought of it. Used by one thread at a time.
struct PlannedOperation {
    enum Deed {
        /// - Parameter targets: Fields that point to records, by handle.
        case create(entity: String, fields: [String: String], targets: [String: String])
        /// - Parameters:
        ///   - record: Its handle.
        ///   - byReference: Named by the operation that created it.
        case update(
            record: String, byReference: Bool, base: Int?, from: [String: String]?, to: [String: String])
        case delete(record: String, byReference: Bool, base: Int?)
        /// Breaks a rule of the catalogue.
        case invalid
        /// An entity that devices do not write, or a record that is not there.
        case hopeless
    }

    let id: String
    let deed: Deed
    /// As it is sent, without `group`.
    let json: [String: Any]
}

/// The state that uploads lead to. A value.
struct UploadModel {
    struct Record {
        let entity: String
        var version = 1
        var fields: [String: String]
        var isAlive = true
        /// Who wrote it last: a device, or nil for another program.
        var writer: String?
        /// The transaction that wrote it last: a second write in it that changes nothing leaves no trace.
        var transaction: Int
        /// What it held in each version.
        var history: [Int: [String: String]] = [:]
    }

    /// By handle: the op_id that created it, or a name of its own.
    private(set) var records: [String: Record] = [:]
    /// Operations that are remembered: applied or rejected.
    private(set) var remembered: [String: (isApplied: Bool, content: String)] = [:]
    private var transaction = 0

    // MARK: Other programs

    mutating func insert(_ handle: String, entity: String, fields: [String: String]) {
        transaction += 1
        records[handle] = Record(
            entity: entity, fields: fields, transaction: transaction, history: [1: fields])
    }

    mutating func set(_ handle: String, _ fields: [String: String]) {
        transaction += 1
        write(handle, fields, by: nil)
    }

    // MARK: Batches

    /// Applies a batch; tells the status of each operation.
    mutating func apply(_ groups: [[PlannedOperation]], by device: String, isAtomic: Bool) -> [String] {
        let before = self
        transaction += 1
        var statuses: [String] = []
        for (index, group) in groups.enumerated() {
            statuses += apply(group, by: device)
            if isAtomic, statuses.contains(where: Self.needsAttention) {
                self = before
                return statuses.map { $0 == "applied" ? "skipped" : $0 }
                    + groups[(index + 1)...].joined().map { _ in "skipped" }
            }
        }
        return statuses
    }

    private static func needsAttention(_ status: String) -> Bool {
        status != "applied" && status != "duplicate"
    }

    private mutating func apply(_ group: [PlannedOperation], by device: String) -> [String] {
        var trial = self
        var statuses: [String] = []
        for operation in group {
            statuses.append(trial.apply(operation, by: device))
            if Self.needsAttention(statuses[statuses.count - 1]) { break }
        }
        guard let failed = statuses.firstIndex(where: Self.needsAttention) else {
            self = trial
            return statuses
        }
        if statuses[failed] == "rejected", remembered[group[failed].id] == nil {
            remembered[group[failed].id] = (false, Self.content(group[failed]))
        }
        return group.indices.map { index in
            index == failed || index < failed && statuses[index] == "duplicate" ? statuses[index] : "skipped"
        }
    }

    static func content(_ operation: PlannedOperation) -> String {
        var json = operation.json
        json["op_id"] = nil
        return (try? Uploader.json(json)) ?? ""
    }

    private mutating func apply(_ operation: PlannedOperation, by device: String) -> String {
        if let known = remembered[operation.id] {
            if known.content == Self.content(operation) { return known.isApplied ? "duplicate" : "rejected" }
            if known.isApplied { return "rejected" }
            remembered[operation.id] = nil
        }
        let status = perform(operation, by: device)
        if status == "applied" { remembered[operation.id] = (true, Self.content(operation)) }
        return status
    }

    private mutating func perform(_ operation: PlannedOperation, by device: String) -> String {
        switch operation.deed {
        case .invalid: return "invalid"
        case .hopeless: return "rejected"
        case .create(let entity, let fields, let targets):
            guard targets.values.allSatisfy({ records[$0]?.isAlive == true }), !isTaken(fields, but: nil)
            else {
                return "invalid"
            }
            records[operation.id] = Record(
                entity: entity, fields: fields, writer: device, transaction: transaction, history: [1: fields]
            )
            return "applied"
        case .update(let handle, let byReference, let base, let from, let to):
            guard let record = records[handle] else { return byReference ? "invalid" : "rejected" }
            guard record.isAlive else { return "conflict" }
            if let refusal = judge(record, byReference, base, from, to, by: device) { return refusal }
            guard !isTaken(to, but: handle) else { return "invalid" }
            write(handle, to, by: device)
            return "applied"
        case .delete(let handle, let byReference, let base):
            guard let record = records[handle] else { return byReference ? "invalid" : "rejected" }
            guard record.isAlive else { return "applied" }
            if let refusal = judge(record, byReference, base, nil, nil, by: device) { return refusal }
            records[handle]?.isAlive = false
            records[handle]?.version += 1
            return "applied"
        }
    }

    /// Nil: it may be written.
    private func judge(
        _ record: Record, _ byReference: Bool, _ base: Int?, _ from: [String: String]?,
        _ to: [String: String]?, by device: String
    ) -> String? {
        let merges = record.entity != "sales" && to != nil
        if let base {
            if base == record.version { return nil }
        } else if byReference {
            if record.writer == device { return nil }
        } else if !merges || from == nil {
            return "invalid"
        }
        guard merges, let to else { return "conflict" }
        let isClean = to.allSatisfy { field, new in
            guard let old = from?[field] else { return false }
            return record.fields[field] == old || record.fields[field] == new
        }
        return isClean ? nil : "conflict"
    }

    /// An SKU stands once in a business, deleted products included.
    private func isTaken(_ fields: [String: String], but own: String?) -> Bool {
        guard let sku = fields["sku"] else { return false }
        return records.contains { $0.key != own && $0.value.fields["sku"] == sku }
    }

    private mutating func write(_ handle: String, _ fields: [String: String], by device: String?) {
        guard var record = records[handle] else { return }
        let merged = record.fields.merging(fields) { $1 }
        if merged == record.fields, record.transaction == transaction { return }
        record.fields = merged
        record.version += 1
        record.writer = device
        record.transaction = transaction
        record.history[record.version] = merged
        records[handle] = record
    }
}
