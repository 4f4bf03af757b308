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
            try journal.forEachLive(entity, business) { id, version in
                if buckets.contains(Digest.bucket(of: id, count: count)) { records.append((id, version)) }
            }
            return RecordVersions(head: head, records: records)
        }
    }

    public func records(
        _ ids: [Key], of entity: EntityNumber, business: BusinessID
    ) throws -> RecordSelection {
        let balance = ledger.balance(of: business)
        return try inSnapshot { db, head in
            var records = RecordList()
            var absent: [Key] = []
            for id in ids {
                if let record = try record(id, of: entity, business: business, db) {
                    records.append(record)
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

    /// One live record of a business; nil when there is none.
    private func record(
        _ id: Key, of entity: EntityNumber, business: BusinessID, _ db: Database
    ) throws -> [UInt8]? {
        let lookup = try stateLookup(db)
        lookup.bind(1, Int64(entity.rawValue))
        lookup.bind(2, id)
        lookup.bind(3, business.key)
        guard let state = try lookup.first({ (version: $0.integer(0), isDead: $0.integer(1) != 0) }),
            !state.isDead
        else { return nil }
        guard let record = try encoder(of: entity, db)?.record(id, version: state.version) else {
            Self.driftedRecords.add()
            return nil
        }
        return record
    }

    /// Reads in one snapshot, whose head is named.
    private func inSnapshot<Value>(_ read: (Database, Head) throws -> Value) throws -> Value {
        try current().inDatabase { db in try db.snapshot { try read(db, try journal.head()) } }
    }
}
