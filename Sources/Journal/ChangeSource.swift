// What the tailer needs of a database engine. Engine-neutral: SQLite polls `data_version`, another engine may
// listen for notifications; both answer with whole snapshots.

public import Domain

/// Where journal rows come from. Lives on the tailer's worker lane and may block.
public protocol ChangeSource: AnyObject {
    /// Whether no other process is in a transaction: whatever was written before this was asked can be seen
    /// by now, if it was committed. False when that cannot be told.
    func isSettled() throws -> Bool

    /// Opens one snapshot and reads all that it holds after `position`; nil when nothing was committed, to
    /// whichever table, since this succeeded before. Cheap then: asked every few hundred microseconds while a
    /// commit is awaited.
    ///
    /// - Parameters:
    ///   - position: The last row read before, checked in the same snapshot: another nonce there, or nothing
    ///     there while the journal goes on behind it, means another history.
    ///   - interest: Only these businesses' records are read and encoded; of others rows are only counted.
    ///   - rowsMax: A business with more rows than this in the snapshot is reported as `tooLarge` instead.
    /// - Throws: `HistoryChanged` when this is no longer the journal it was.
    func read(after position: Head, interest: Interest, rowsMax: Int) throws -> JournalSnapshot?

    /// Opens (again) the database and agrees on where to start: the head of a snapshot, in the epoch in
    /// force. A new epoch is begun when the history cannot be proven to be the one served before.
    func open() throws -> Head
}

/// This is no longer the history that was being read: call `open`.
public struct HistoryChanged: Error, Hashable, Sendable {
    /// For the log: restored, replaced, truncated.
    public let why: String
    public init(_ why: String) { self.why = why }
}

/// Which businesses have somebody listening, and to what.
public struct Interest: Sendable {
    /// For each business, the union of the entity sets that its streams asked for.
    public var entities: [BusinessID: EntitySet]
    public init(_ entities: [BusinessID: EntitySet] = [:]) { self.entities = entities }
}

/// What one database snapshot added to the journal: whole transactions only.
public struct JournalSnapshot: Sendable {
    /// Where reading began.
    public let from: Head
    /// The newest row the snapshot holds; equal to `from` when nothing was added.
    public let head: Head
    /// One per business of interest that changed.
    public let businesses: [BusinessChanges]
    /// Seq and nonce tag of every row read, in order: recent positions can then be recognised without a
    /// query.
    public let rows: [(seq: Seq, nonce: NonceTag)]
    /// When the oldest of the rows was written, by the writer's clock; nil when there are none.
    public let oldestWrite: Timestamp?

    public init(
        from: Head, head: Head, businesses: [BusinessChanges], rows: [(seq: Seq, nonce: NonceTag)],
        oldestWrite: Timestamp?
    ) {
        self.from = from
        self.head = head
        self.businesses = businesses
        self.rows = rows
        self.oldestWrite = oldestWrite
    }
}

/// The net changes of one business in one snapshot.
public struct BusinessChanges: Sendable {
    public let business: BusinessID
    public let content: Content

    /// What the tail gets.
    public enum Content: Sendable {
        /// Changed entities in ascending number, each with its total at the snapshot's head.
        case entities([EntityDelta])
        /// More rows than a frame should hold: streams read these from the state index, page by page.
        case tooLarge(EntitySet)
    }

    public init(business: BusinessID, content: Content) {
        self.business = business
        self.content = content
    }
}
