// What the catalogue says of writing: `writable`, with the rules of each field, and `conflict`.

import Domain
import Yams

extension CatalogueReader {
    /// `field: rule|rule`, for fields of the entity that are not the server's own.
    func writable(_ node: Node?, _ entity: EntityDefinition) throws(CatalogueError) -> [WritableField] {
        guard let node else { return [] }
        guard let mapping = node.mapping else {
            throw fail(node, "\(entity.name): `writable` is a mapping of fields to rules")
        }
        var writable: [WritableField] = []
        for (key, value) in mapping {
            guard let field = entity.fields.first(where: { $0.name == key.string }) else {
                throw fail(key, "\(entity.name): `\(key.string ?? "?")` is not one of its fields")
            }
            guard !entity.serverColumns.contains(field.column) else {
                throw fail(key, "\(entity.name): `\(field.name)` is the server's to write")
            }
            var rules: [WriteRule] = []
            for word in (value.string ?? "").split(separator: "|") {
                guard let rule = WriteRule(String(word)) else {
                    throw fail(value, "\(entity.name).\(field.name): unknown rule `\(word)`")
                }
                rules.append(rule)
            }
            guard !rules.isEmpty else { throw fail(value, "\(entity.name).\(field.name): no rule") }
            writable.append(WritableField(name: field.name, column: field.column, rules: rules))
        }
        return writable
    }

    func conflictPolicy(
        _ mapping: Node.Mapping, _ name: EntityName
    ) throws(CatalogueError) -> ConflictPolicy {
        guard let word = try string(mapping, "conflict") else { return .reject }
        guard let policy = ConflictPolicy(rawValue: word) else {
            let all = ConflictPolicy.allCases.map(\.rawValue).joined(separator: ", ")
            throw fail(mapping["conflict"], "\(name): `conflict` is one of \(all)")
        }
        return policy
    }

    /// `exists:` names an entity of the catalogue.
    func checkTargets(of definitions: [EntityDefinition], _ root: Node?) throws(CatalogueError) {
        for definition in definitions {
            for field in definition.writable {
                guard let target = field.target, !definitions.contains(where: { $0.name == target }) else {
                    continue
                }
                throw fail(
                    root, "\(definition.name).\(field.name): `exists:\(target)` names no entity")
            }
        }
    }
}

extension EntityDefinition {
    /// What no device writes, whatever the catalogue says.
    fileprivate var serverColumns: [String] {
        var columns = [keyColumn, versionColumn, createdAtColumn, updatedAtColumn, deletedAtColumn]
            .compactMap(\.self)
        if case .column(let business) = business { columns.append(business) }
        return columns
    }
}
