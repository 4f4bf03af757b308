// The rows of one snapshot, put together: several changes of one record become one, a business with too many
// is left to the state index.

import Domain
import Journal

/// What a record came to in this snapshot.
struct NetChange {
    var version: Int64
    var isAlive: Bool
    /// Whether its present life began in this snapshot.
    var beganHere: Bool
    var origin: Origin?
}

/// A business's part of a snapshot.
struct GatheredBusiness {
    let business: BusinessID
    /// In the order of their first change.
    var changes: [(record: RecordReference, net: NetChange)] = []
    /// Set instead when there are too many rows: which entities changed.
    var tooLarge: EntitySet?
    /// Of the changes.
    fileprivate(set) var entities = EntitySet()
    fileprivate var index: [RecordReference: Int] = [:]
}

/// Collects rows in seq order. A value.
struct SnapshotGathering {
    private let interest: Interest
    private let rowsMax: Int
    private var gathered: [BusinessID: GatheredBusiness] = [:]
    private(set) var rows: [(seq: Seq, nonce: NonceTag)] = []
    private(set) var oldestWrite: Timestamp?

    /// More recent rows than this are not worth remembering one by one.
    private static let rowsRemembered = 65_536

    init(interest: Interest, rowsMax: Int) {
        self.interest = interest
        self.rowsMax = rowsMax
    }

    var businesses: some Collection<GatheredBusiness> { gathered.values }

    mutating func add(_ change: Change) {
        if rows.count < Self.rowsRemembered { rows.append((change.seq, change.nonce)) }
        let written = Timestamp(milliseconds: change.writtenAtMilliseconds)
        oldestWrite = min(oldestWrite ?? written, written)
        guard interest.entities[change.business]?.contains(change.record.entity) ?? false else { return }
        gathered[change.business, default: GatheredBusiness(business: change.business)].add(
            change, rowsMax: rowsMax)
    }
}

extension GatheredBusiness {
    fileprivate mutating func add(_ change: Change, rowsMax: Int) {
        entities.insert(change.record.entity)
        if tooLarge != nil {
            tooLarge = entities
            return
        }
        if let place = index[change.record] {
            changes[place].net.note(change)
        } else {
            index[change.record] = changes.count
            changes.append((change.record, NetChange(change)))
        }
        if changes.count > rowsMax {
            tooLarge = entities
            changes = []
            index = [:]
        }
    }
}

extension NetChange {
    fileprivate init(_ change: Change) {
        version = change.version
        isAlive = change.operation != .deleted
        beganHere = change.operation.beginsLife
        origin = change.origin
    }

    fileprivate mutating func note(_ change: Change) {
        version = change.version
        isAlive = change.operation != .deleted
        // A life that began here and goes on began here; one that ends takes its beginning with it.
        beganHere = isAlive && (beganHere || change.operation.beginsLife)
        origin = change.origin ?? origin
    }
}
