// Full downloads: every live record of a scope out of one snapshot, written piece by piece, so that memory
// stays flat at any size.

public import Domain
import GRDB
public import Journal
import Lanes

extension SQLiteStateReader {
    /// Bytes after which a piece is handed over.
    private static let pieceBytes = 64 * 1_024

    public func full(
        scope: Scope, format: FullFormat, write: ([UInt8]) throws -> Void
    ) throws -> FullSummary {
        let balance = ledger.balance(of: scope.business)
        let now = clock.now
        return try inSnapshot { db, head in
            let totals = try journal.totals(of: scope, from: balance, to: head)
            let token = head.token(for: scope, generation: catalogue.generation)
            var json = JSONWriter(reserving: 2 * Self.pieceBytes)
            let count =
                switch format {
                case .json: try writeObject(scope, totals, db, &json, write)
                case .lines: try writeLines(scope, token, totals, db, &json, write)
                }
            Delta.encodeClosing(
                PositionRange(epoch: token.epoch, from: .zero, to: token.pos), text: token.text,
                hasMore: false, recordCount: count, serverTime: now, to: &json)
            json.byte(0x7D)
            if format == .lines { json.byte(0x0A) }
            try write(json.bytes)
            return FullSummary(token: token, recordCount: count)
        }
    }

    private func writeObject(
        _ scope: Scope, _ totals: [EntityNumber: Total], _ db: Database, _ json: inout JSONWriter,
        _ write: ([UInt8]) throws -> Void
    ) throws -> Int {
        json.raw("{\"success\":true,\"full\":true,\"data\":{")
        var count = 0
        for (index, entity) in scope.entities.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.name(catalogue.name(of: entity).text)
            json.raw("{\"created\":[")
            count += try writeRecords(entity, scope.business, db, &json, write) { isFirst, json in
                if !isFirst { json.byte(0x2C) }
            }
            json.raw("],\"updated\":[],\"deleted\":[]")
            (totals[entity] ?? Total()).encode(to: &json)
            json.byte(0x7D)
        }
        json.raw("},")
        return count
    }

    private func writeLines(
        _ scope: Scope, _ token: SyncToken, _ totals: [EntityNumber: Total], _ db: Database,
        _ json: inout JSONWriter, _ write: ([UInt8]) throws -> Void
    ) throws -> Int {
        json.raw("{\"full\":true,")
        PositionRange(epoch: token.epoch, from: .zero, to: token.pos).encode(to: &json)
        json.raw("}")
        var count = 0
        for entity in scope.entities {
            let opening = Array("\n{\"entity\":\"\(catalogue.name(of: entity).text)\",\"record\":".utf8)
            count += try writeRecords(entity, scope.business, db, &json, write) { _, json in
                json.raw(opening)
            } after: { json in
                json.byte(0x7D)
            }
        }
        json.raw("\n{\"success\":true,\"data\":{")
        for (index, entity) in scope.entities.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.name(catalogue.name(of: entity).text)
            json.raw("{\"complete\":true")
            (totals[entity] ?? Total()).encode(to: &json)
            json.byte(0x7D)
        }
        json.raw("},")
        return count
    }

    /// Every live record of an entity. Returns how many.
    private func writeRecords(
        _ entity: EntityNumber, _ business: BusinessID, _ db: Database, _ json: inout JSONWriter,
        _ write: ([UInt8]) throws -> Void, before: (_ isFirst: Bool, inout JSONWriter) -> Void,
        after: (inout JSONWriter) -> Void = { _ in }
    ) throws -> Int {
        guard let definition = catalogue[entity], let encoder = try encoder(of: entity, db) else { return 0 }
        let (table, key) = (quoted(definition.table), quoted(definition.keyColumn))
        let statement = try RawStatement(
            db,
            """
            SELECT s.version, \(encoder.selection) FROM tidings_state s CROSS JOIN \(table) t ON t.\(key) = s.id
            WHERE s.business = ?1 AND s.entity = \(entity.rawValue) AND s.dead = 0
              AND \(encoder.isOwn(of: "s.business"))
            """)
        statement.bind(1, business.key)
        var count = 0
        try statement.forEach { row in
            // What is no key is nowhere else either: not in totals, pages or streams.
            guard row.key(1) != nil else { return }
            before(count == 0, &json)
            try encoder.encode(row, from: 1, version: row.integer(0), to: &json)
            after(&json)
            count += 1
            if json.count >= Self.pieceBytes {
                try write(json.bytes)
                json.removeAll()
            }
        }
        return count
    }
}
