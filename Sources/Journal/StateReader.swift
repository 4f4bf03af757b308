// The questions that a poll, a backlog and a full download ask of the state index: one row per record, live
// or deleted, with the seq of its last change. Any position, however old, is answered exactly from it.

public import Domain

/// Reads the state index. Lives on a worker lane and may block; each call is one short snapshot.
public protocol StateReader: AnyObject {
    /// The next page of net changes after a token.
    ///
    /// The token is judged in the same snapshot: epoch, nonce, head, floor. At most `limit` records, in order
    /// of their last change. `hasMore` false: the page ends at the snapshot's head, and totals are filled in
    /// for every entity of the scope. While true, the token of the answer is a page token. Every entity of
    /// the scope is named, also those without changes.
    ///
    /// - Throws: `Refusal` when the token cannot be answered.
    /// - Complexity: One index seek an entity, plus `limit` rows; no dependence on the size of the tables.
    func page(after token: SyncToken, scope: Scope, limit: Int) throws -> Delta

    /// The first page of a round that begins at nothing: a full download for those who want it in pages.
    func firstPage(scope: Scope, limit: Int) throws -> Delta

    /// Everything of a scope, as one delta with `"full": true`, out of one snapshot.
    ///
    /// - Parameter write: Takes the text in pieces of bounded size, in order.
    /// - Returns: Where it ends, how many records it holds.
    func full(scope: Scope, format: FullFormat, write: ([UInt8]) throws -> Void) throws -> FullSummary

    /// Count and digest of each of `count` buckets of an entity.
    ///
    /// - Complexity: The records that the business has of it.
    func buckets(of entity: EntityNumber, business: BusinessID, count: Int) throws -> BucketTotals

    /// The versions of the live records in some of `count` buckets.
    ///
    /// - Complexity: The records that the business has of the entity.
    func versions(
        of entity: EntityNumber, business: BusinessID, buckets: Set<Int>, count: Int
    ) throws -> RecordVersions

    /// One live record; nil when the business has none of that id.
    ///
    /// - Parameter fields: Only these of the entity's fields and embedded children; nil: all.
    func record(
        _ id: Key, of entity: EntityNumber, business: BusinessID, fields: [String]?
    ) throws -> SingleRecord?

    /// Exactly these records.
    ///
    /// - Complexity: Two look-ups a record.
    func records(_ ids: [Key], of entity: EntityNumber, business: BusinessID) throws -> RecordSelection

    /// The head of a snapshot opened now.
    func head() throws -> Head
}

/// How a full download is written.
public enum FullFormat: Hashable, Sendable {
    /// One object.
    case json
    /// A header line, a line a record, a trailer line: to be read as it comes.
    case lines
}

/// What a full download turned out to be.
public struct FullSummary: Hashable, Sendable {
    public let token: SyncToken
    public let recordCount: Int

    public init(token: SyncToken, recordCount: Int) {
        self.token = token
        self.recordCount = recordCount
    }
}
