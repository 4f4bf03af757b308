// The sync log: a row for every register, full download, poll and upload, and for every stream at its end.

public import Domain
import Foundation
import GRDB

/// One row of the sync log.
public struct SyncLogEntry: Hashable, Sendable {
    /// What was asked for.
    public enum Kind: String, Hashable, Sendable, CaseIterable { case register, full, changes, batch, stream }

    public let at: Timestamp
    public let kind: Kind
    public let business: BusinessID?
    public let device: String?
    public let token: TokenID?
    /// Positions; nil where the answer covers none.
    public let from: Seq?
    public let to: Seq?
    public let records: Int?
    public let bytes: Int
    public let duration: Duration
    /// 499: the peer had gone.
    public let status: Int
    /// Why a stream ended.
    public let reason: String?
    public let address: String?
    public let agent: String?

    public init(
        at: Timestamp, kind: Kind, grant: Grant, from: Seq?, to: Seq?, records: Int?, bytes: Int,
        duration: Duration, status: Int, reason: String?, address: String?, agent: String?
    ) {
        self.at = at
        self.kind = kind
        business = grant.business
        device = grant.deviceName
        token = grant.token
        self.from = from
        self.to = to
        self.records = records
        self.bytes = bytes
        self.duration = duration
        self.status = status
        self.reason = reason
        self.address = address
        self.agent = agent
    }
}

/// Which rows are wanted; nil: all.
public struct SyncLogFilter: Hashable, Sendable {
    public var business: BusinessID?
    public var device: String?
    public var kind: SyncLogEntry.Kind?
    public var status: Int?
    public var since: Timestamp?
    public var limit = 100

    public init() {}
}

extension Registry {
    private static let pruneRowsMax = 5_000

    /// Writes rows in one transaction; none for a token of ours that was erased meanwhile: its stream ends
    /// after the erasure, and nothing is to be left.
    public func log(_ entries: [SyncLogEntry]) throws {
        guard !entries.isEmpty else { return }
        try queue.write { db in
            let insert = try db.cachedStatement(
                sql: """
                    INSERT INTO tidings_sync_logs(at, kind, business, device, token, from_seq, to_seq, records,
                      bytes, duration_us, status, reason, address, agent)
                    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14
                    WHERE ?5 < 0 OR EXISTS(SELECT 1 FROM tidings_tokens WHERE id = ?5)
                    """)
            for entry in entries { try insert.execute(arguments: entry.arguments) }
        }
    }

    /// The newest rows that fit, oldest first.
    public func syncLogs(_ filter: SyncLogFilter) throws -> [SyncLogEntry] {
        var conditions: [String] = []
        var arguments = StatementArguments()
        func add(_ condition: String, _ value: (any DatabaseValueConvertible)?) {
            guard let value else { return }
            conditions.append(condition)
            arguments += [value]
        }
        add("business = ?", filter.business?.databaseValue)
        add("device = ?", filter.device)
        add("kind = ?", filter.kind?.rawValue)
        add("status = ?", filter.status)
        add("at >= ?", filter.since?.microseconds)
        arguments += [filter.limit]
        let condition = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM tidings_sync_logs \(condition) ORDER BY id DESC LIMIT ?",
                arguments: arguments
            ).compactMap(SyncLogEntry.init).reversed()
        }
    }

    /// Removes rows that are older, some at a time; called often.
    public func pruneSyncLogs(keeping age: Duration) throws {
        let oldest = now.adding(seconds: -age.components.seconds).microseconds
        let isDue = try queue.read { db in
            try Int64.fetchOne(db, sql: "SELECT min(at) FROM tidings_sync_logs").map { $0 < oldest } ?? false
        }
        guard isDue else { return }
        try queue.write { db in
            try db.execute(
                sql: """
                    DELETE FROM tidings_sync_logs WHERE id IN (
                      SELECT id FROM tidings_sync_logs WHERE at < ? ORDER BY at LIMIT \(Self.pruneRowsMax))
                    """, arguments: [oldest])
        }
    }
}

extension SyncLogEntry {
    fileprivate var arguments: StatementArguments {
        let microseconds =
            duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
        return [
            at.microseconds, kind.rawValue, business?.databaseValue, device, token?.rawValue, from?.rawValue,
            to?.rawValue, records, bytes, microseconds, status, reason, address, agent,
        ]
    }

    fileprivate init?(_ row: Row) {
        guard let at = row.time("at"), let kind = Kind(rawValue: row["kind"]) else { return nil }
        self.at = at
        self.kind = kind
        business = row.business
        device = row["device"]
        token = (row["token"] as Int64?).map(TokenID.init)
        from = (row["from_seq"] as Int64?).map(Seq.init)
        to = (row["to_seq"] as Int64?).map(Seq.init)
        records = row["records"]
        bytes = row["bytes"]
        duration = .microseconds(row["duration_us"] as Int64)
        status = row["status"]
        reason = row["reason"]
        address = row["address"]
        agent = row["agent"]
    }
}
