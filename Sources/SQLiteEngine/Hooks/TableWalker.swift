// Walks tables a chunk at a time: those that `tidings_hooked` marks, and any table for an audit.

public import Domain
import GRDB
import Glibc

/// How far a walk is, after a chunk.
public struct WalkProgress: Hashable, Sendable {
    public let entity: EntityName
    public let purpose: WalkPurpose
    /// Keys looked at, of both sides, since this walker began with the table.
    public let examined: Int
    /// Records journaled since then.
    public let journaled: Int
}

/// What a chunk came to.
struct WalkChunk {
    var examined = 0
    /// Differences found: journaled, unless the walk only looks.
    var found = 0
    /// How long writers had to wait for it.
    var lockSeconds = 0.0
    var isLast = false
}

/// Walks over one connection. Lives on that connection's lane.
final class TableWalker {
    private let installer: HookInstaller
    private var queue: DatabaseQueue { installer.queue }
    private var writesVersionBack: Bool { installer.generator.writesVersionBack }
    private var pace = ChunkPace()
    /// What was done of the table that is being walked.
    private var done: (entity: EntityName, examined: Int, journaled: Int)?

    init(installer: HookInstaller) { self.installer = installer }

    // MARK: Marked tables

    /// Walks all marked tables to their end, leaving writers as much time as it takes. Returns the longest of
    /// its locks, in seconds.
    func finish(_ progress: (WalkProgress) -> Void) throws -> Double {
        var longest = 0.0
        while let (state, chunk) = try step() {
            longest = max(longest, chunk.lockSeconds)
            progress(state)
            usleep(UInt32(max(chunk.lockSeconds, 0.001) * 1_000_000))
        }
        return longest
    }

    /// One chunk of the first marked table; nil: no table is marked.
    func step() throws -> (WalkProgress, WalkChunk)? {
        guard let (walk, start) = try marked() else { return nil }
        var place = start
        let chunk = try markedChunk(walk, &place)
        if done?.entity != walk.entity.name { done = (walk.entity.name, 0, 0) }
        done?.examined += chunk.examined
        done?.journaled += chunk.found
        let progress = WalkProgress(
            entity: walk.entity.name, purpose: walk.purpose, examined: done?.examined ?? 0,
            journaled: done?.journaled ?? 0)
        if chunk.isLast { done = nil }
        return (progress, chunk)
    }

    private func marked() throws -> (TableWalk, WalkPlace)? {
        try queue.read { db in
            guard try db.hasTable("tidings_hooked") else { return nil }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(WalkedKey.columns(of: "walked")), entity, purpose, side FROM tidings_hooked
                    WHERE purpose IS NOT NULL ORDER BY entity
                    """)
            guard !rows.isEmpty else { return nil }
            let entities = try SchemaFit(installer.catalogue, db).entities
            for row in rows {
                guard let entity = entities.first(where: { $0.number.rawValue == row["entity"] }),
                    let purpose = WalkPurpose(rawValue: row["purpose"])
                else { continue }
                let place = WalkPlace(
                    side: WalkPlace.Side(rawValue: row["side"]) ?? .table, walked: WalkedKey(row, at: 0))
                return (TableWalk(entity, for: purpose, writesVersionBack: writesVersionBack), place)
            }
            return nil
        }
    }

    // MARK: Any table

    /// One chunk that looks first and takes the write lock only where something differs.
    ///
    /// - Parameter repairs: Whether what differs is journaled.
    func lookedChunk(_ walk: TableWalk, _ place: inout WalkPlace, repairs: Bool) throws -> WalkChunk {
        var chunk = WalkChunk()
        let window = try queue.read { [place] db -> (end: WalkedKey, rows: Int)? in
            guard let window = try walk.windowEnd(place, rows: Self.lookedRows, db) else { return nil }
            chunk.found = try walk.count(place, to: window.end, db)
            return window
        }
        guard let window else {
            chunk.isLast = place.side == .state
            place = WalkPlace(side: .state)
            return chunk
        }
        chunk.examined = window.rows
        if chunk.found > 0, repairs {
            chunk.found = 0
            let started = ContinuousClock.now
            // Looked at again under the lock: what was seen may have been a writer's doing since.
            try queue.inTransaction(.immediate) { [place] db in
                chunk.found = try walk.journal(place, to: window.end, db)
                return .commit
            }
            chunk.lockSeconds = (ContinuousClock.now - started).seconds
        }
        place.walked = window.end
        return chunk
    }

    /// Rows of a read that takes about a millisecond.
    private static let lookedRows = 500

    /// One chunk in one transaction, the place in it kept.
    private func markedChunk(_ walk: TableWalk, _ place: inout WalkPlace) throws -> WalkChunk {
        var chunk = WalkChunk()
        var locked = ContinuousClock.now
        var next = place
        let rows = pace.rows
        try queue.inTransaction(.immediate) { [place] db in
            locked = ContinuousClock.now
            if let window = try walk.windowEnd(place, rows: rows, db) {
                chunk.found = try walk.journal(place, to: window.end, db)
                chunk.examined = window.rows
                next.walked = window.end
            } else if place.side == .table {
                next = WalkPlace(side: .state)
            } else {
                chunk.isLast = true
            }
            let walked = chunk.isLast ? nil : next.walked
            try db.execute(
                sql: """
                    UPDATE tidings_hooked SET purpose = :purpose, side = :side,
                      walked = \(walked?.sql("walked") ?? ":walked") WHERE entity = :entity
                    """,
                arguments: [
                    "purpose": chunk.isLast ? nil : walk.purpose.rawValue, "side": next.side.rawValue,
                    "walked": walked?.value, "entity": walk.entity.number.rawValue,
                ])
            return .commit
        }
        chunk.lockSeconds = (ContinuousClock.now - locked).seconds
        if chunk.examined == rows { pace.took(chunk.lockSeconds) }
        place = next
        return chunk
    }
}

/// How many rows fit into the time that writers may be made to wait. A value.
struct ChunkPace {
    private(set) var rows = 100

    /// A quarter of the 20 ms that are promised: a chunk that meets a busy disk or core takes a few times as
    /// long as the one before it.
    private static let targetSeconds = 0.005

    /// Grows slowly: one lucky chunk says little of the next.
    mutating func took(_ seconds: Double) {
        let factor = min(1.25, max(0.25, Self.targetSeconds / max(seconds, 1e-6)))
        rows = min(5_000, max(20, Int(Double(rows) * factor)))
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
