// What a client that no longer trusts its copy asks for: fingerprints of parts of an entity, the versions in
// a part, and single records. Each is true at the head of one snapshot, and says at which.

public import Domain

/// Count and digest of every bucket of an entity's live records.
public struct BucketTotals: Sendable {
    public let head: Head
    /// In the order of the buckets; their sum is the entity's total.
    public let totals: [Total]
    /// How many records were looked at.
    public var walked: Int { totals.reduce(0) { $0 + $1.live } }

    public init(head: Head, totals: [Total]) {
        self.head = head
        self.totals = totals
    }
}

/// What stands in some buckets of an entity.
public struct RecordVersions: Sendable {
    public let head: Head
    /// Live records, in no order.
    public let records: [(id: Key, version: Int64)]
    /// How many were looked at.
    public let walked: Int

    public init(head: Head, records: [(id: Key, version: Int64)], walked: Int) {
        self.head = head
        self.records = records
        self.walked = walked
    }
}

/// One record as it is.
public struct SingleRecord: Sendable {
    public let epoch: Epoch
    public let version: Int64
    /// When its last change was written, by the writer's clock; nil: before that was noted.
    public let changedAt: Timestamp?
    /// One object.
    public let json: [UInt8]

    public init(epoch: Epoch, version: Int64, changedAt: Timestamp?, json: [UInt8]) {
        self.epoch = epoch
        self.version = version
        self.changedAt = changedAt
        self.json = json
    }
}

/// Records that were asked for by id. It covers no range of the journal, so it moves nobody's position.
public struct RecordSelection: Sendable {
    public let head: Head
    /// Those that are alive.
    public let records: RecordList
    /// The others: deleted, another business's, or never there.
    public let absent: [Key]
    /// Of the whole entity.
    public let total: Total

    public init(head: Head, records: RecordList, absent: [Key], total: Total) {
        self.head = head
        self.records = records
        self.absent = absent
        self.total = total
    }
}
