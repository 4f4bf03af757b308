// Polls, backlogs and full downloads, out of the state index. Each call is one short snapshot; the token is
// judged inside it, so that neither a purge nor a restore can come between the judgement and the answer.

public import Domain
import GRDB
public import Journal
public import Lanes
public import Telemetry

/// Reads the state index over one read-only connection. Lives on its worker lane.
public final class SQLiteStateReader: StateReader {
    /// Bytes of records after which a page ends, whatever its limit: it stands in memory whole.
    private static let pageBytes = 4 * 1_024 * 1_024

    private let file: DatabaseFile
    let catalogue: EntityCatalogue
    let ledger: TotalsLedger
    let clock: WallClock
    private var queue: DatabaseQueue
    private var identity: FileIdentity?
    private(set) var journal: JournalStatements
    private var pages: [EntitySet: RawStatement] = [:]
    private var encoders: [EntityNumber: RecordEncoder?] = [:]
    private var stateLookup: RawStatement?
    private var schemaVersion: Int64 = -1

    /// Opens a connection. Blocks.
    public init(file: DatabaseFile, catalogue: EntityCatalogue, ledger: TotalsLedger, clock: WallClock) throws
    {
        self.file = file
        self.catalogue = catalogue
        self.ledger = ledger
        self.clock = clock
        identity = file.identity
        let queue = try file.open(.reader)
        self.queue = queue
        journal = try queue.inDatabase { try JournalStatements($0) }
    }

    /// The connection to the file that stands at the path now. One `stat` a call: a file renamed over the
    /// database is another history, and the old one must not be served for a moment longer.
    func current() throws -> DatabaseQueue {
        guard let now = file.identity, now != identity else { return queue }
        let queue = try file.open(.reader)
        journal = try queue.inDatabase { try JournalStatements($0) }
        pages = [:]
        encoders = [:]
        stateLookup = nil
        identity = now
        self.queue = queue
        return queue
    }

    public func head() throws -> Head {
        try current().inDatabase { _ in try journal.snapshot { try journal.head() } }
    }

    /// The head of the snapshot just opened. Encoders are made anew when the schema is another.
    func openedHead() throws -> Head {
        let version = try journal.schemaVersion()
        if version != schemaVersion {
            encoders = [:]
            schemaVersion = version
        }
        return try journal.head()
    }

    public func page(after token: SyncToken, scope: Scope, limit: Int) throws -> Delta {
        // Copied before the snapshot is opened: what was journaled in between is folded inside it.
        let balance = ledger.balance(of: scope.business)
        let now = clock.now
        return try inSnapshot { db, head in
            try judge(token, scope: scope, head: head)
            return try read(
                db, after: token, scope: scope, limit: limit, head: head, balance: balance, now: now)
        }
    }

    public func firstPage(scope: Scope, limit: Int) throws -> Delta {
        let balance = ledger.balance(of: scope.business)
        let now = clock.now
        return try inSnapshot { db, head in
            let nothing = Head(epoch: head.epoch, seq: .zero, nonce: .none)
            var token = nothing.token(for: scope, generation: catalogue.generation)
            token.begun = head.seq
            var delta = try read(
                db, after: token, scope: scope, limit: limit, head: head, balance: balance, now: now)
            delta.isFull = true
            return delta
        }
    }

    /// Reads in one snapshot, whose head is named, of the history that was counted and told so far.
    ///
    /// - Throws: `HistoryChanged`: ask again in a moment.
    func inSnapshot<Value>(_ read: (GRDB.Database, Head) throws -> Value) throws -> Value {
        let known = ledger.farthest
        return try current().inDatabase { db in
            try journal.snapshot {
                let head = try openedHead()
                try prove(known, head)
                return try read(db, head)
            }
        }
    }

    /// Whether this snapshot goes on from what was counted or told before it was opened: a file that was put
    /// in its place, or filled anew, is not answered from until the tailer has judged its history.
    private func prove(_ known: Head, _ head: Head) throws {
        guard known.epoch == head.epoch, known.seq <= head.seq,
            try known.seq == .zero || journal.nonce(at: known.seq) == known.nonce
        else { throw HistoryChanged("the history of \(file.path) is being judged") }
        ledger.note(told: head)
    }

    /// Whether the token can be continued from, in this snapshot.
    private func judge(_ token: SyncToken, scope: Scope, head: Head) throws {
        guard token.epoch == head.epoch else { throw Refusal(.epoch) }
        if let refusal = token.refusal(for: scope, generation: catalogue.generation) { throw refusal }
        guard token.pos <= head.seq else { throw Refusal(.ahead) }
        if let nonce = try journal.nonce(at: token.pos), nonce != token.nonce { throw Refusal(.epoch) }
        // A round that has delivered nothing yet misses no tombstone, and one that began at nothing only
        // those of records that lived when it began.
        if token.pos > .zero || token.base > .zero {
            let needed = token.base == .zero ? max(token.pos, token.begun ?? .zero) : token.pos
            guard needed >= (try journal.floor(of: scope.business)) else { throw Refusal(.retention) }
        }
    }

    private func read(
        _ db: Database, after token: SyncToken, scope: Scope, limit: Int, head: Head,
        balance: TotalsLedger.Balance, now: Timestamp
    ) throws -> Delta {
        var parts: [EntityNumber: EntityDelta] = [:]
        for entity in scope.entities { parts[entity] = EntityDelta(entity) }
        let statement = try pageStatement(db, scope.entities)
        statement.bind(1, scope.business.key)
        statement.bind(2, token.pos.rawValue)
        statement.bind(3, Int64(limit) + 1)
        var (count, bytes) = (0, 0)
        var last = token.pos
        var hasMore = false
        try statement.forEach { row in
            guard count < limit, bytes < Self.pageBytes else { return hasMore = true }
            count += 1
            last = Seq(row.integer(2))
            bytes += try add(row, of: scope.business, base: token.base, to: &parts, db)
        }
        var next = token
        next.entities = scope.entities
        next.pos = hasMore ? last : head.seq
        next.nonce = hasMore ? try journal.nonce(at: last) ?? .none : head.nonce
        if !hasMore {
            next.base = head.seq
            next.begun = nil
            let totals = try journal.totals(of: scope, from: balance, to: head)
            for entity in scope.entities { parts[entity]?.total = totals[entity] ?? Total() }
        }
        return Delta(
            from: token.pos, token: next, hasMore: hasMore, entities: scope.entities.compactMap { parts[$0] },
            serverTime: now)
    }

    /// Columns: entity, id, seq, born, version, dead, device, operation. Returns the record's bytes.
    private func add(
        _ row: RawStatement, of business: BusinessID, base: Seq,
        to parts: inout [EntityNumber: EntityDelta], _ db: Database
    ) throws -> Int {
        guard let entity = EntityNumber(Int(row.integer(0))), let id = row.key(1) else { return 0 }
        var bytes = 0
        if row.integer(5) != 0 {
            parts[entity]?.deleted.append(id)
        } else if let record = try encoder(of: entity, db)?.record(id, of: business, version: row.integer(4))
        {
            bytes = record.count
            if row.integer(3) > base.rawValue {
                parts[entity]?.created.append(record)
            } else {
                parts[entity]?.updated.append(record)
            }
        } else {
            Self.driftedRecords.add()
            parts[entity]?.deleted.append(id)
        }
        if !row.isNull(7) {
            parts[entity]?.origins.append((id, Origin(device: row.text(6), operation: row.text(7))))
        }
        return bytes
    }

    private func pageStatement(_ db: Database, _ entities: EntitySet) throws -> RawStatement {
        if let statement = pages[entities] { return statement }
        let selects = entities.map { entity in
            """
            SELECT entity, id, seq, born, version, dead FROM tidings_state
            WHERE business = ?1 AND entity = \(entity.rawValue) AND seq > ?2
            """
        }
        // Each member of the compound walks its own index range; SQLite merges them by seq and stops at the
        // limit.
        let statement = try RawStatement(
            db,
            """
            SELECT s.entity, s.id, s.seq, s.born, s.version, s.dead, j.device, j.operation
            FROM (\(selects.joined(separator: "\nUNION ALL\n")) ORDER BY seq LIMIT ?3) s
            LEFT JOIN tidings_journal j ON j.seq = s.seq
            ORDER BY s.seq
            """)
        if pages.count >= 64 { pages.removeAll() }
        pages[entities] = statement
        return statement
    }

    /// Columns: version, dead, at. Of one record: entity, id, business.
    func stateLookup(_ db: Database) throws -> RawStatement {
        if let statement = stateLookup { return statement }
        let statement = try RawStatement(
            db,
            "SELECT version, dead, at FROM tidings_state WHERE entity = ?1 AND id = ?2 AND business = ?3")
        stateLookup = statement
        return statement
    }

    /// Nil when the entity's table is not there.
    func encoder(of entity: EntityNumber, _ db: Database) throws -> RecordEncoder? {
        if let encoder = encoders[entity] { return encoder }
        let encoder = try RecordEncoder.make(catalogue[entity], db)
        encoders[entity] = .some(encoder)
        return encoder
    }

    // MARK: Counted

    /// Answered as deleted: the state index calls them live, and the business has no such rows.
    public static let driftedRecords = Counter(
        "tidings_drifted_records_total",
        help:
            "Records served as deleted because their rows were missing or another's: hooks had been bypassed."
    )
}
