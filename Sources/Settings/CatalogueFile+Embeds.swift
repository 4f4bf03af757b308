// `embed:` of the catalogue: children that travel inside their parent's record.

import Domain
import Yams

extension CatalogueReader {
    private static let embedKeys: Set<String> = [
        "table", "parent", "order", "deleted_at", "fields", "replace",
    ]

    /// `embed: {lines: {table: …, parent: …, fields: […]}}`.
    func embeds(_ node: Node?, in entity: EntityDefinition) throws(CatalogueError) -> [EmbeddedChild] {
        guard let node else { return [] }
        guard let children = node.mapping else {
            throw fail(node, "\(entity.name): `embed` is a mapping of field names")
        }
        var embeds: [EmbeddedChild] = []
        for (key, value) in children {
            let child = try embed(key, value, entity.name)
            if entity.fields.contains(where: { $0.name == child.name })
                || embeds.contains(where: { $0.name == child.name })
            {
                throw fail(key, "\(entity.name): field `\(child.name)` is there twice")
            }
            embeds.append(child)
        }
        return embeds
    }

    private func embed(
        _ key: Node, _ node: Node, _ entity: EntityName
    ) throws(CatalogueError) -> EmbeddedChild {
        // A trigger is named by it.
        guard let name = key.string, let childName = EntityName(name) else {
            throw fail(key, "\(entity): a child's name is lower case letters, digits and `_`")
        }
        guard let mapping = node.mapping else { throw fail(node, "\(entity).\(name): expected a mapping") }
        for (key, _) in mapping where !Self.embedKeys.contains(key.string ?? "") {
            throw fail(key, "\(entity).\(name): unknown key `\(key.string ?? "?")`")
        }
        guard let parent = try string(mapping, "parent") else {
            throw fail(key, "\(entity).\(name): `parent` must name the column with the parent's key")
        }
        let fields = try fields(mapping["fields"], childName)
        guard !fields.isEmpty else { throw fail(key, "\(entity).\(name): no field is listed") }
        return EmbeddedChild(
            name: name, table: try string(mapping, "table") ?? name, parentColumn: parent,
            orderColumn: try string(mapping, "order"), deletedAtColumn: try string(mapping, "deleted_at"),
            fields: fields, replaceKeys: try replaceKeys(mapping["replace"], childName))
    }
}
