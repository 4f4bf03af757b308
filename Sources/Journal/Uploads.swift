// What tills upload, and what becomes of it. Engine-neutral: the engine applies a batch in one write
// transaction, exactly once for each operation, and tells the result of each.

public import Domain
public import Telemetry

/// One thing a till did while nobody was looking.
public struct UploadOperation: Sendable {
    public enum Action: String, Sendable { case create, update, delete }

    /// A version as a till knows it.
    public enum BaseVersion: Sendable {
        case number(Int64)
        /// The one that another operation led to.
        case reference(operation: String)
    }

    /// A UUID or ULID as it was sent: the same operation sent again has the same.
    public let id: String
    /// Nil: there is no such entity, and `failures` says so.
    public var entity: EntityNumber?
    public var action = Action.update
    /// The record; nil for a creation.
    public var record: UploadValue?
    /// How the device calls a record that it created.
    public var clientID: String?
    public var baseVersion: BaseVersion?
    /// Each field once.
    public var values: [(field: WritableField, value: UploadValue)] = []
    /// The values it started from, for merging.
    public var base: [String: UploadValue] = [:]
    /// Of the operation as it came: the same id with another one is another operation.
    public let fingerprint: String
    /// What is wrong with it; it will not be applied.
    public var failures: [WriteFailure] = []

    public init(id: String, fingerprint: String) {
        self.id = id
        self.fingerprint = fingerprint
    }

    /// Under which it is remembered: UUIDs and ULIDs are the same in either case.
    public var key: String { id.lowercased() }
}

/// What one device sends at once.
public struct UploadBatch: Sendable {
    /// The client's own name for the request, with a fingerprint of its body.
    public struct Idempotency: Sendable {
        public let key: String
        public let fingerprint: String

        public init(key: String, fingerprint: String) {
            self.key = key
            self.fingerprint = fingerprint
        }
    }

    public let business: BusinessID
    public let device: String
    /// With which it was sent.
    public let token: TokenID
    /// Each stands or falls as a whole.
    public let groups: [[UploadOperation]]
    /// All groups stand or fall together.
    public let isAtomic: Bool
    public let idempotency: Idempotency?

    public init(
        business: BusinessID, device: String, token: TokenID, groups: [[UploadOperation]], isAtomic: Bool,
        idempotency: Idempotency?
    ) {
        self.business = business
        self.device = device
        self.token = token
        self.groups = groups
        self.isAtomic = isAtomic
        self.idempotency = idempotency
    }
}

/// What became of one operation.
public struct OperationResult: Sendable {
    public enum Status: String, MetricLabel {
        case applied
        /// Applied before, by this very operation.
        case duplicate
        /// The record has changed since: here it is.
        case conflict
        /// Its data is wrong: mend it and send it again, under the same id or another.
        case invalid
        /// Another one of its group failed, or of the batch when it is atomic.
        case skipped
        /// Never: do not send it again.
        case rejected
    }

    public let operation: String
    public var status: Status
    public var httpStatus: Int
    public var entity: EntityNumber?
    public var id: Key?
    public var version: Int64?
    public var clientID: String?
    /// A stable code, and a sentence.
    public var error: (code: String, message: String)?
    public var failures: [WriteFailure] = []
    /// The record as it is, JSON.
    public var record: [UInt8]?

    public init(operation: String, status: Status, httpStatus: Int) {
        self.operation = operation
        self.status = status
        self.httpStatus = httpStatus
    }

    public var needsAttention: Bool { status != .applied && status != .duplicate }
}

/// What became of a batch.
public enum UploadOutcome: Sendable {
    /// The results, where they led (nil: nothing of it is in the database), and the answer's body as it was
    /// stored if it was to be stored.
    case answered([OperationResult], Head?, body: [UInt8])
    /// It was atomic and something failed: nothing was applied, nothing is remembered.
    case undone([OperationResult])
    /// The same key and body were answered before: the same bytes.
    case replayed([UInt8])
    /// The key was used with another body.
    case keyReused
    /// Its token's holder was shut out while it waited: nothing was applied.
    case shutOut
}

/// Applies batches. Lives on its worker lane and may block.
public protocol UploadWriter: AnyObject {
    /// - Parameter body: Makes the answer of the results and of the head they led to; called before the
    ///   commit.
    /// - Throws: When nothing was applied: the database is busy, full or gone.
    func apply(_ batch: UploadBatch, body: ([OperationResult], Head?) -> [UInt8]) throws -> UploadOutcome

    /// Forgets a few operations and answers that are older than they must be remembered.
    ///
    /// - Returns: Whether there may be more.
    func forget() throws -> Bool
}
