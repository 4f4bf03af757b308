// The journal, read snapshot by snapshot. SQLite serialises writers, so seq order is commit order, and a
// snapshot holds whole transactions only.
//
// Each look begins with `PRAGMA data_version`, which changes with every commit of others. The statement is
// left unfinished meanwhile: all that is read until its reset is of the snapshot that it opened, as if
// between BEGIN and COMMIT. A look that finds nothing is this one statement, about a microsecond and a half.

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
    private var reader: Reader?

    /// A connection and what is prepared on it; made anew when the file is another one. Statements are
    /// stepped without a detour through the queue: nobody else has it. Lives on the tailer's lane.
    private final class Reader {
        let identity: FileIdentity?
        let queue: DatabaseQueue
        let dataVersion: RawStatement
        let journal: JournalStatements
        let rows: RawStatement
        /// Up to where everything was read.
        var dataVersionRead: Int64 = -1
        var schemaVersion: Int64 = -1
        var encoders: [EntityNumber: RecordEncoder?] = [:]

        init(_ file: DatabaseFile) throws {
            queue = try file.open(.reader)
            identity = file.identity
            (dataVersion, journal, rows) = try queue.inDatabase { db in
                (
                    try RawStatement(db, "PRAGMA data_version"), try JournalStatements(db),
                    try RawStatement(db, JournalRow.selectWithEpoch)
                )
            }
        }
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
        reader = nil
        let head = try history.agree(farthest: ledger.farthest)
        let reader = try Reader(file)
        self.reader = reader
        try count(reader)
        return head
    }

    /// Writers read before they write, and hold the lock of that until their commit can be seen.
    public func isSettled() throws -> Bool {
        guard let handle = unsafe reader?.dataVersion.connection else { return false }
        return unsafe csqlite_is_in_use_elsewhere(UnsafeMutableRawPointer(handle)) == 0
    }

    public func read(after position: Head, interest: Interest, rowsMax: Int) throws -> JournalSnapshot? {
        guard let reader else { throw HistoryChanged("not open") }
        defer { reader.dataVersion.reset() }
        let version = try reader.dataVersion.step() ? reader.dataVersion.integer(0) : -1
        guard version != reader.dataVersionRead else { return nil }
        try noteSchema(reader)
        let snapshot = try collect(reader, after: position, interest: interest, rowsMax: rowsMax)
        history.note(snapshot.head)
        reader.dataVersionRead = version
        return snapshot
    }

    private func noteSchema(_ reader: Reader) throws {
        let version = try reader.journal.schemaVersion()
        guard version != reader.schemaVersion else { return }
        reader.encoders = [:]
        reader.schemaVersion = version
        onSchemaChange()
    }

    /// Whether the file at the path is still the one that is open. About once a second.
    public func checkIdentity() throws {
        guard let reader, file.identity != reader.identity else { return }
        throw HistoryChanged("another file stands at \(file.path)")
    }

    /// Remembers what was served; `clean` when nothing more will be.
    public func remember(_ head: Head, clean: Bool) throws { try history.remember(head, clean: clean) }

    /// Counts every business from the state index: one scan, at start and in a new history.
    private func count(_ reader: Reader) throws {
        try reader.queue.inDatabase { db in
            try reader.journal.snapshot {
                var book = TotalsLedger.Book(at: try reader.journal.head())
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

    /// Reads the last row that was read before once more: it proves that this is the same history.
    private func collect(
        _ reader: Reader, after position: Head, interest: Interest, rowsMax: Int
    ) throws -> JournalSnapshot {
        var head: Head?
        var gathering = SnapshotGathering(interest: interest, rowsMax: rowsMax)
        var batch: [Change] = []
        // A ledger counted at start may be ahead of the position it is asked to go on from.
        let counted = ledger.countedTo
        reader.rows.bind(1, position.seq.rawValue)
        try reader.rows.forEach { row in
            let isFirst = head == nil
            let last = Head(
                epoch: position.epoch, seq: Seq(row.integer(0)), nonce: NonceTag(nonce: row.integer(8)))
            head = last
            if isFirst {
                guard Epoch(hex: row.text(11)) == position.epoch else {
                    throw HistoryChanged("the stored epoch is another one")
                }
                if position.seq > .zero { return try prove(position, by: last) }
            }
            guard let change = JournalRow.change(row) else { return }
            gathering.add(change)
            if change.seq > counted.seq { batch.append(change) }
            if batch.count >= 4_096 {
                ledger.fold(batch, to: last)
                batch.removeAll(keepingCapacity: true)
            }
        }
        guard let head else { throw NoJournal() }
        if head.seq > counted.seq { ledger.fold(batch, to: head) }
        return JournalSnapshot(
            from: position, head: head,
            businesses: try gathering.businesses.map { try encode($0, reader) },
            rows: gathering.rows, oldestWrite: gathering.oldestWrite)
    }

    /// The newest row is never purged, and purging never passes what was read.
    private func prove(_ position: Head, by row: Head) throws {
        guard row.seq >= position.seq else {
            throw HistoryChanged("the journal ends before what was served")
        }
        guard row.seq == position.seq else { throw HistoryChanged("the last row that was read is gone") }
        guard row.nonce == position.nonce else {
            throw HistoryChanged("the last row that was read is another one")
        }
    }

    private func encode(_ gathered: GatheredBusiness, _ reader: Reader) throws -> BusinessChanges {
        if let entities = gathered.tooLarge {
            return BusinessChanges(business: gathered.business, content: .tooLarge(entities))
        }
        let totals = ledger.balance(of: gathered.business).totals
        let parts = try gathered.entities.map { entity in
            var part = EntityDelta(entity)
            part.total = totals[entity] ?? Total()
            for (record, net) in gathered.changes where record.entity == entity {
                if net.isAlive,
                    let bytes = try encoder(of: entity, reader)?.record(
                        record.id, of: gathered.business, version: net.version)
                {
                    if net.beganHere { part.created.append(bytes) } else { part.updated.append(bytes) }
                } else {
                    part.deleted.append(record.id)
                }
                if let origin = net.origin { part.origins.append((record.id, origin)) }
            }
            return part
        }
        return BusinessChanges(business: gathered.business, content: .entities(parts))
    }

    private func encoder(of entity: EntityNumber, _ reader: Reader) throws -> RecordEncoder? {
        if let encoder = reader.encoders[entity] { return encoder }
        let encoder = try reader.queue.inDatabase { try RecordEncoder.make(catalogue[entity], $0) }
        reader.encoders[entity] = .some(encoder)
        return encoder
    }
}
