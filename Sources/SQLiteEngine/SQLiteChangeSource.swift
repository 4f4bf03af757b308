// The journal, read snapshot by snapshot. SQLite serialises writers, so seq order is commit order, and a
// snapshot holds whole transactions only.
//
// `hasNews` asks `PRAGMA data_version` on a connection of its own: it changes for commits of every other
// connection, never for its own, and costs about a microsecond and a half.

import CSQLite
public import Domain
import GRDB
public import Journal

/// Reads what was committed. Lives on the tailer's lane.
public final class SQLiteChangeSource: ChangeSource {
    private let file: DatabaseFile
    private let catalogue: EntityCatalogue
    private let ledger: TotalsLedger
    private let history: HistoryGuard
    private var connections: Connections?
    private var dataVersion: Int64 = -1

    /// Connections and what is prepared on them; made anew when the file is another one.
    private struct Connections {
        let identity: FileIdentity?
        let poll: DatabaseQueue
        let version: RawStatement
        let read: DatabaseQueue
        let journal: JournalStatements
        let rows: RawStatement
        var encoders: [EntityNumber: RecordEncoder?] = [:]
        var schemaVersion: Int64 = -1
    }

    /// Told, inside a snapshot, that the schema is another than at the last read: hooks may be gone.
    public var onSchemaChange: () -> Void = {}

    /// - Parameters:
    ///   - ledger: Counted by this source from here on.
    ///   - sidePath: Where the last served place is kept.
    ///   - crashes: What the machine's crashes can take.
    public init(
        file: DatabaseFile, catalogue: EntityCatalogue, ledger: TotalsLedger, sidePath: String,
        crashes: CrashRule
    ) {
        self.file = file
        self.catalogue = catalogue
        self.ledger = ledger
        history = HistoryGuard(file: file, side: SideFile(path: sidePath), crashes: crashes)
    }

    // MARK: ChangeSource

    public func open() throws -> Head {
        connections = nil
        let head = try history.agree(farthest: ledger.farthest)
        connections = try connect()
        dataVersion = -1
        try count()
        return head
    }

    public func hasNews() throws -> Bool {
        guard let connections else { return true }
        // Without a detour through the queue: nobody else has it.
        let version = try connections.version.first { $0.integer(0) } ?? -1
        defer { dataVersion = version }
        return version != dataVersion
    }

    /// Writers read before they write, and hold the lock of that until their commit can be seen.
    public func isSettled() throws -> Bool {
        // Without a detour through the queue: nobody else has it.
        guard let connection = unsafe connections?.version.connection else { return false }
        return unsafe csqlite_is_in_use_elsewhere(UnsafeMutableRawPointer(connection)) == 0
    }

    public func read(after position: Head, interest: Interest, rowsMax: Int) throws -> JournalSnapshot {
        guard let connections else { throw HistoryChanged("not open") }
        return try connections.read.inDatabase { db in
            try connections.journal.snapshot {
                try noteSchema(connections.journal)
                let head = try connections.journal.head()
                try prove(position, head, connections.journal)
                guard head.seq > position.seq else {
                    return JournalSnapshot(
                        from: position, head: head, businesses: [], rows: [], oldestWrite: nil)
                }
                let snapshot = try collect(db, from: position, to: head, interest: interest, rowsMax: rowsMax)
                history.note(head)
                return snapshot
            }
        }
    }

    private func noteSchema(_ journal: JournalStatements) throws {
        let version = try journal.schemaVersion()
        guard version != connections?.schemaVersion else { return }
        connections?.encoders = [:]
        connections?.schemaVersion = version
        onSchemaChange()
    }

    /// Whether the file at the path is still the one that is open. About once a second.
    public func checkIdentity() throws {
        guard let connections, file.identity != connections.identity else { return }
        throw HistoryChanged("another file stands at \(file.path)")
    }

    /// Remembers what was served; `clean` when nothing more will be.
    public func remember(_ head: Head, clean: Bool) throws { try history.remember(head, clean: clean) }

    // MARK: History

    private func prove(_ position: Head, _ head: Head, _ journal: JournalStatements) throws {
        guard head.epoch == position.epoch else { throw HistoryChanged("the stored epoch is another one") }
        guard head.seq >= position.seq else {
            throw HistoryChanged("the journal ends before what was served")
        }
        guard position.seq > .zero else { return }
        guard let nonce = try journal.nonce(at: position.seq) else {
            // The newest row is never purged, and purging never passes what was read.
            throw HistoryChanged("the last row that was read is gone")
        }
        guard nonce == position.nonce else {
            throw HistoryChanged("the last row that was read is another one")
        }
    }

    private func connect() throws -> Connections {
        let poll = try file.open(.reader)
        let read = try file.open(.reader)
        return try Connections(
            identity: file.identity, poll: poll,
            version: poll.inDatabase { try RawStatement($0, "PRAGMA data_version") }, read: read,
            journal: read.inDatabase { try JournalStatements($0) },
            rows: read.inDatabase { try RawStatement($0, JournalRow.select) })
    }

    /// Counts every business from the state index: one scan, at start and in a new history.
    private func count() throws {
        guard let connections else { return }
        try connections.read.inDatabase { db in
            try connections.journal.snapshot {
                let head = try connections.journal.head()
                var book = TotalsLedger.Book(at: head)
                let live = try RawStatement(
                    db, "SELECT business, entity, id, version FROM tidings_state WHERE dead = 0")
                try live.forEach { row in
                    guard let business = row.key(0), let entity = EntityNumber(Int(row.integer(1))),
                        let id = row.key(2)
                    else { return }
                    book.totals[BusinessID(business), default: [:]][entity, default: Total()].fold(
                        id: id, was: nil, operation: .created, version: row.integer(3))
                }
                ledger.replace(with: book)
            }
        }
    }

    // MARK: Rows

    private func collect(
        _ db: Database, from position: Head, to head: Head, interest: Interest, rowsMax: Int
    ) throws -> JournalSnapshot {
        guard let connections else { throw HistoryChanged("not open") }
        var gathering = SnapshotGathering(interest: interest, rowsMax: rowsMax)
        var batch: [Change] = []
        // A ledger counted at start may be ahead of the position it is asked to go on from.
        let counted = ledger.countedTo
        connections.rows.bind(1, position.seq.rawValue)
        connections.rows.bind(2, head.seq.rawValue)
        try connections.rows.forEach { row in
            guard let change = JournalRow.change(row) else { return }
            gathering.add(change)
            if change.seq > counted.seq { batch.append(change) }
            if batch.count >= 4_096 {
                ledger.fold(batch, to: Head(epoch: head.epoch, seq: change.seq, nonce: change.nonce))
                batch.removeAll(keepingCapacity: true)
            }
        }
        if head.seq > counted.seq { ledger.fold(batch, to: head) }
        return JournalSnapshot(
            from: position, head: head,
            businesses: try gathering.businesses.map { try encode($0, db) },
            rows: gathering.rows, oldestWrite: gathering.oldestWrite)
    }

    private func encode(_ gathered: GatheredBusiness, _ db: Database) throws -> BusinessChanges {
        if let entities = gathered.tooLarge {
            return BusinessChanges(business: gathered.business, content: .tooLarge(entities))
        }
        let totals = ledger.balance(of: gathered.business).totals
        var parts: [EntityNumber: EntityDelta] = [:]
        for (record, net) in gathered.changes {
            var part = parts[record.entity] ?? EntityDelta(record.entity)
            part.total = totals[record.entity] ?? Total()
            if net.isAlive,
                let bytes = try encoder(of: record.entity, db)?.record(
                    record.id, of: gathered.business, version: net.version)
            {
                if net.beganHere { part.created.append(bytes) } else { part.updated.append(bytes) }
            } else {
                part.deleted.append(record.id)
            }
            if let origin = net.origin { part.origins.append((record.id, origin)) }
            parts[record.entity] = part
        }
        return BusinessChanges(
            business: gathered.business,
            content: .entities(parts.values.sorted { $0.entity < $1.entity }))
    }

    private func encoder(of entity: EntityNumber, _ db: Database) throws -> RecordEncoder? {
        if let encoder = connections?.encoders[entity] { return encoder }
        let encoder = try RecordEncoder.make(catalogue[entity], db)
        connections?.encoders[entity] = .some(encoder)
        return encoder
    }
}
