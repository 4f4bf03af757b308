// What retention asks of the gateway's own file: how far active devices have come, how long the gateway has
// been in service, which head was seen when.

public import Domain
import GRDB

/// Which list of observations.
public enum ObservationScale: String, Sendable {
    /// By the wall clock: what `since=` is answered from.
    case wall
    /// By service time: the ages of positions.
    case service
}

extension Registry {
    /// For every business with active devices, the lowest position that one of them has stored; 0 for one
    /// that acknowledged nothing in this epoch.
    ///
    /// A device counts as active for `maxOffline` after it registered, or acknowledged, last.
    public func holds(in epoch: Epoch, maxOffline: Duration) throws -> [BusinessID: Seq] {
        try keepAcknowledgements()
        let silentSince = service.now - maxOffline
        return try queue.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT business, min(CASE WHEN acknowledged_epoch = ?1 THEN acknowledged_seq ELSE 0 END) AS hold
                    FROM tidings_devices WHERE state = 'active' AND heard_at > ?2 GROUP BY business
                    """, arguments: [epoch.description, silentSince.microseconds])
            var holds: [BusinessID: Seq] = [:]
            for row in rows {
                if let business = row.business { holds[business] = Seq(row["hold"] ?? 0) }
            }
            return holds
        }
    }

    // MARK: Service time

    /// The clock as it was written down last, going on from now.
    static func serviceClock(
        _ queue: DatabaseQueue, wallNow: Timestamp, elapsed: @Sendable @escaping () -> Duration
    ) throws -> ServiceClock {
        let row = try queue.read { try Row.fetchOne($0, sql: "SELECT served, wall FROM tidings_service") }
        let served = Timestamp(microseconds: row?["served"] ?? 0)
        return ServiceClock(
            resuming: served, wallThen: row?.time("wall"), wallNow: wallNow, elapsed: elapsed)
    }

    /// Writes down how long the gateway has been in service. The running gateway only.
    public func keepService() throws {
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO tidings_service(id, served, wall) VALUES (1, ?, ?)
                    ON CONFLICT(id) DO UPDATE SET served = max(served, excluded.served), wall = excluded.wall
                    """, arguments: [service.now.microseconds, now.microseconds])
        }
    }

    // MARK: Observations

    /// What was written down, in its order.
    public func observations(_ scale: ObservationScale) throws -> [Observation] {
        try queue.read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT at, epoch, seq, nonce FROM tidings_observations WHERE scale = ? ORDER BY id",
                arguments: [scale.rawValue]
            ).compactMap { row in
                guard let time = row.time("at"), let epoch = Epoch(hex: row["epoch"]) else { return nil }
                let head = Head(
                    epoch: epoch, seq: Seq(row["seq"]), nonce: NonceTag(nonce: row["nonce"]))
                return Observation(time: time, head: head)
            }
        }
    }

    /// Writes more of them down.
    ///
    /// - Parameter replacing: Whether they stand for all that were written before.
    public func keep(
        _ observations: [Observation], _ scale: ObservationScale, replacing: Bool
    ) throws {
        try queue.write { db in
            if replacing {
                try db.execute(
                    sql: "DELETE FROM tidings_observations WHERE scale = ?", arguments: [scale.rawValue])
            }
            let statement = try db.cachedStatement(
                sql: """
                    INSERT INTO tidings_observations(scale, at, epoch, seq, nonce) VALUES (?, ?, ?, ?, ?)
                    """)
            for one in observations {
                try statement.execute(arguments: [
                    scale.rawValue, one.time.microseconds, one.head.epoch.description,
                    one.head.seq.rawValue, Int64(one.head.nonce.rawValue),
                ])
            }
        }
    }
}
