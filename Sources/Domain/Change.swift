// One journal row: what a model hook wrote inside somebody's transaction.

/// What happened to a record, as the journal stores it.
public enum Operation: Int, Hashable, Sendable {
    case created = 1
    case updated = 2
    case deleted = 3
    /// A tombstone came back to life.
    case restored = 4
    /// The row was there before its table was hooked: known, not new.
    case adopted = 5

    /// Whether a life of the record begins here.
    public var beginsLife: Bool { self == .created || self == .restored }
}

/// Which record: unique within a journal.
public struct RecordReference: Hashable, Sendable {
    public let entity: EntityNumber
    public let id: Key

    public init(entity: EntityNumber, id: Key) {
        self.entity = entity
        self.id = id
    }
}

/// Whose upload made a change.
public struct Origin: Hashable, Sendable {
    public let device: String
    public let operation: String

    public init(device: String, operation: String) {
        self.device = device
        self.operation = operation
    }
}

/// One row of the journal.
public struct Change: Hashable, Sendable {
    public let seq: Seq
    public let business: BusinessID
    public let record: RecordReference
    public let operation: Operation
    public let version: Int64
    /// The version counted before this change; nil when the record was not live.
    public let was: Int64?
    /// When the hook ran, milliseconds since 1970 by the writer's clock. Not the time of the commit.
    public let writtenAtMilliseconds: Int64
    public let nonce: NonceTag
    public let origin: Origin?

    public init(
        seq: Seq, business: BusinessID, record: RecordReference, operation: Operation, version: Int64,
        was: Int64?, writtenAtMilliseconds: Int64, nonce: NonceTag, origin: Origin?
    ) {
        self.seq = seq
        self.business = business
        self.record = record
        self.operation = operation
        self.version = version
        self.was = was
        self.writtenAtMilliseconds = writtenAtMilliseconds
        self.nonce = nonce
        self.origin = origin
    }
}
