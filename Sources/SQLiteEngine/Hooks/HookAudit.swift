// The audit: tables against the state index, in small reads; the write lock only where something differs.

public import Domain
import GRDB

/// What an audit found in one table.
public struct AuditFinding: Hashable, Sendable {
    public let entity: EntityName
    /// Keys looked at, of both sides.
    public let examined: Int
    /// Records that differed: journaled, unless the audit only looked.
    public let differing: Int
}

extension HookInstaller {
    /// Compares every hooked table to its end.
    ///
    /// A table without a version column shows existence, business and liveness only: a content that was
    /// changed behind the hooks is not seen.
    ///
    /// - Parameters:
    ///   - repairs: Whether what differs is journaled.
    ///   - progress: Told after every chunk, with what was found in that table so far.
    public func audit(repairs: Bool, progress: (AuditFinding) -> Void = { _ in }) throws -> [AuditFinding] {
        let walker = TableWalker(installer: self)
        var findings: [AuditFinding] = []
        for entity in catalogue.entities {
            let found = try auditWalk(of: entity) { _, isThere in !isThere && entity.isOptional }
            guard let walk = found else { continue }
            var place = WalkPlace()
            var (examined, differing) = (0, 0)
            while true {
                let chunk = try walker.lookedChunk(walk, &place, repairs: repairs)
                examined += chunk.examined
                differing += chunk.found
                progress(AuditFinding(entity: walk.entity.name, examined: examined, differing: differing))
                if chunk.isLast { break }
            }
            findings.append(
                AuditFinding(entity: walk.entity.name, examined: examined, differing: differing))
        }
        return findings
    }

    /// The comparison of an entity; nil: not to be audited now (its walk is not done, or its table is not
    /// there and not known to be gone).
    func auditWalk(
        of entity: EntityDefinition, isGone: (EntityNumber, _ isThere: Bool) -> Bool
    ) throws -> TableWalk? {
        try queue.read { db in
            let isWalked = try Bool.fetchOne(
                db, sql: "SELECT purpose IS NULL FROM tidings_hooked WHERE entity = ?",
                arguments: [entity.number.rawValue])
            guard isWalked == true else { return nil }
            let fit = try SchemaFit(EntityCatalogue(entities: [entity]), db)
            let isThere = try db.hasTable(entity.table)
            let writesBack = generator.writesVersionBack
            if let fitted = fit.entities.first {
                _ = isGone(entity.number, true)
                return TableWalk(fitted, for: .compare, writesVersionBack: writesBack)
            }
            guard isGone(entity.number, isThere), !isThere else { return nil }
            return TableWalk(entity, for: .compare, writesVersionBack: writesBack, hasTable: false)
        }
    }

    /// Living rows of somebody whose key can name no record: NULL, a real, a BLOB, ill-formed UTF-8. Nobody
    /// is told of them.
    ///
    /// - Complexity: All rows of the tables whose key is not their rowid.
    public func rowsWithoutKey() throws -> [(entity: EntityName, count: Int)] {
        try queue.read { db in
            try SchemaFit(catalogue, db).entities.compactMap { entity in
                guard let table = try TableSchema.read(entity.table, db), !table.isRowID(entity.keyColumn)
                else { return nil }
                var conditions = entity.deletedAtColumn.map { ["\(quoted($0)) IS NULL"] } ?? []
                if case .column(let business) = entity.business {
                    conditions.append("\(quoted(business)) IS NOT NULL")
                }
                let living = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
                var count = 0
                try RawStatement(
                    db, "SELECT \(quoted(entity.keyColumn)) FROM \(quoted(entity.table))\(living)"
                )
                .forEach { if $0.key(0) == nil { count += 1 } }
                return count > 0 ? (entity.name, count) : nil
            }
        }
    }

    /// Whether an entity whose table is there was never hooked.
    func hasUnmarked() throws -> Bool {
        try queue.read { db in
            guard try db.hasTable("tidings_hooked") else { return true }
            let marked = Set(try Int.fetchAll(db, sql: "SELECT entity FROM tidings_hooked"))
            return try SchemaFit(catalogue, db).entities.contains {
                !marked.contains(Int($0.number.rawValue))
            }
        }
    }
}
