// Hooks on the tables of embedded children: a change of a child journals its parent, in the same transaction.
// The parent is found in the state index: a parent that nobody sees has nothing to be told.

import Domain

extension HookGenerator {
    /// The hooks of one kind of children.
    func hooks(of child: EmbeddedChild, in entity: EntityDefinition) -> [Hook] {
        let parts = ChildHookParts(child, in: entity, writesVersionBack: writesVersionBack)
        var hooks: [Hook] = []
        func add(_ suffix: String, _ event: String, when: String? = nil, _ statements: [String]) {
            guard !statements.isEmpty else { return }
            // A dot, which no entity's name holds: `sales` with `lines` is not `sales_lines`.
            let name = "tidings_\(entity.name).\(child.name)_\(suffix)"
            let condition = when.map { "\nWHEN \($0)" } ?? ""
            let body = statements.map { "  " + $0 + ";" }.joined(separator: "\n")
            hooks.append(
                Hook(
                    name: name, table: child.table,
                    sql: """
                        CREATE TRIGGER \(quoted(name)) \(event) ON \(quoted(child.table))\(condition) BEGIN
                        \(body)
                        END
                        """))
        }
        add("bi", "BEFORE INSERT", parts.touchVictims)
        add("i", "AFTER INSERT", parts.touch("+NEW.\(parts.parent)"))
        add("bu", "BEFORE UPDATE OF \(parts.uniqueColumns)", parts.touchVictims)
        add(
            "u", "AFTER UPDATE OF \(parts.visibleColumns)", when: parts.isVisibleChange,
            parts.touch("+OLD.\(parts.parent), +NEW.\(parts.parent)"))
        add("d", "AFTER DELETE", parts.touch("+OLD.\(parts.parent)"))
        return hooks
    }
}

/// The statements hooks of children are made of. A value.
private struct ChildHookParts {
    let parent: String
    let uniqueColumns: String
    let visibleColumns: String
    let isVisibleChange: String
    private let number: UInt8
    private let table: String
    private let replaceKeys: [ReplaceKey]
    /// Of the parent's table, where the version is written back to.
    private let writeBack: (table: String, key: String, version: String)?

    init(_ child: EmbeddedChild, in entity: EntityDefinition, writesVersionBack: Bool) {
        number = entity.number.rawValue
        table = quoted(child.table)
        parent = quoted(child.parentColumn)
        replaceKeys = child.replaceKeys
        var unique: [String] = []
        for column in child.replaceKeys.flatMap(\.columns).map(quoted) where !unique.contains(column) {
            unique.append(column)
        }
        uniqueColumns = unique.joined(separator: ", ")
        var visible = [parent]
        for column in [child.deletedAtColumn, child.orderColumn].compactMap(\.self).map(quoted)
            + child.fields.map({ quoted($0.column) }) where !visible.contains(column)
        {
            visible.append(column)
        }
        visibleColumns = visible.joined(separator: ", ")
        isVisibleChange = visible.map(HookGenerator.isChanged).joined(separator: "\n  OR ")
        writeBack = entity.versionColumn.flatMap {
            writesVersionBack ? (quoted(entity.table), quoted(entity.keyColumn), quoted($0)) : nil
        }
    }

    private func last(of id: String) -> String {
        "(SELECT max(version) FROM tidings_state WHERE entity = \(number) AND id = \(id))"
    }

    /// Journals the living parents among these keys.
    func touch(_ parents: String) -> [String] {
        let journal = """
            INSERT INTO tidings_journal(entity, business, id, op, version, was)
                SELECT \(number), s.business, s.id, 2, 1 + \(last(of: "s.id")), s.version
                FROM tidings_state s
                WHERE s.entity = \(number) AND s.dead = 0 AND s.id IN (\(parents))
            """
        guard let writeBack else { return [journal] }
        let version = "coalesce(\(last(of: "+\(writeBack.table).\(writeBack.key)")), \(writeBack.version))"
        return [
            journal,
            """
            UPDATE \(writeBack.table) SET \(writeBack.version) = \(version)
                WHERE \(writeBack.key) IN (\(parents)) AND \(writeBack.version) IS NOT \(version)
            """,
        ]
    }

    /// Other parents whose child this statement may be about to replace.
    var touchVictims: [String] {
        replaceKeys.flatMap { key in
            touch(
                "SELECT y.\(parent) FROM \(table) y WHERE \(key.meetsNew) AND y.\(parent) IS NOT NEW.\(parent)"
            )
        }
    }
}
