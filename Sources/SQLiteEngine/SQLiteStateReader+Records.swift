// Fingerprints and single records, for clients that compare their copy with the database.

public import Domain
import GRDB
public import Journal
import Telemetry

extension SQLiteStateReader {
    public func buckets(of entity: EntityNumber, business: BusinessID, count: Int) throws -> BucketTotals {
        try inSnapshot { _, head in
            var totals = [Total](repeating: Total(), count: count)
            try journal.forEachLive(entity, business) { id, version in
                totals[Digest.bucket(of: id, count: count)].fold(
                    id: id, was: nil, operation: .created, version: version)
            }
            return BucketTotals(head: head, totals: totals)
        }
    }

    public func versions(
        of entity: EntityNumber, business: BusinessID, buckets: Set<Int>, count: Int
    ) throws -> RecordVersions {
        try inSnapshot { _, head in
            var records: [(id: Key, version: Int64)] = []
            var walked = 0
            try journal.forEachLive(entity, business) { id, version in
                walked += 1
                if buckets.contains(Digest.bucket(of: id, count: count)) { records.append((id, version)) }
            }
            return RecordVersions(head: head, records: records, walked: walked)
        }
    }

    public func records(
        _ ids: [Key], of entity: EntityNumber, business: BusinessID
    ) throws -> RecordSelection {
        let balance = ledger.balance(of: business)
        return try inSnapshot { db, head in
            var records = RecordList()
            var absent: [Key] = []
            guard let encoder = try encoder(of: entity, db) else {
                return RecordSelection(head: head, records: records, absent: ids, total: Total())
            }
            for id in ids {
                if let record = try live(id, of: entity, business: business, encoder, db, head) {
                    records.append(record.json)
                } else {
                    absent.append(id)
                }
            }
            let scope = Scope(business: business, entities: EntitySet([entity]))
            let totals = try journal.totals(of: scope, from: balance, to: head)
            return RecordSelection(
                head: head, records: records, absent: absent, total: totals[entity] ?? Total())
        }
    }

    public func record(
        _ id: Key, of entity: EntityNumber, business: BusinessID, fields: [String]?
    ) throws -> SingleRecord? {
        try inSnapshot { db, head in
            guard let encoder = try encoder(of: entity, fields: fields, db) else { return nil }
            return try live(id, of: entity, business: business, encoder, db, head)
        }
    }

    private func encoder(of entity: EntityNumber, fields: [String]?, _ db: Database) throws -> RecordEncoder?
    {
        guard let fields else { return try encoder(of: entity, db) }
        guard var definition = catalogue[entity] else { return nil }
        definition.fields.removeAll { !fields.contains($0.name) }
        definition.embeds.removeAll { !fields.contains($0.name) }
        return try RecordEncoder.make(definition, db)
    }

    /// One live record of a business; nil when there is none.
    private func live(
        _ id: Key, of entity: EntityNumber, business: BusinessID, _ encoder: RecordEncoder, _ db: Database,
        _ head: Head
    ) throws -> SingleRecord? {
        let lookup = try stateLookup(db)
        lookup.bind(1, Int64(entity.rawValue))
        lookup.bind(2, id)
        lookup.bind(3, business.key)
        let state = try lookup.first { row in
            (version: row.integer(0), isDead: row.integer(1) != 0, at: row.integer(2))
        }
        guard let state, !state.isDead else { return nil }
        guard let json = try encoder.record(id, of: business, version: state.version) else {
            Self.driftedRecords.add()
            return nil
        }
        return SingleRecord(
            epoch: head.epoch, version: state.version,
            changedAt: state.at > 0 ? Timestamp(milliseconds: state.at) : nil, json: json)
    }
}
