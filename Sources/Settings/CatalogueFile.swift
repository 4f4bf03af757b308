// config/entities.yaml as a value: read whole, checked whole, every mistake named with file and line.

public import Domain
import Foundation
import Yams

/// A mistake in a catalogue, with where it stands.
public struct CatalogueError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ file: String, _ mark: Mark?, _ text: String) {
        description = mark.map { "\(file):\($0.line): \(text)" } ?? "\(file): \(text)"
    }
}

/// Reads entity catalogues.
public enum CatalogueFile {
    /// Reads a catalogue from its text.
    ///
    /// - Parameter file: How errors call it.
    /// - Throws: The first mistake found.
    public static func parse(_ yaml: String, file: String) throws(CatalogueError) -> EntityCatalogue {
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw CatalogueError(file, nil, "\(error)")
        }
        let reader = CatalogueReader(file: file)
        return try reader.catalogue(root)
    }

    /// The catalogue of the embedded shop.
    public static func embedded() throws(CatalogueError) -> EntityCatalogue {
        try parse(EmbeddedCatalogue.yaml, file: "config/entities.yaml")
    }
}

/// Walks the nodes. A value.
struct CatalogueReader {
    let file: String

    private static let keys: Set<String> = [
        "number", "table", "key", "key_type", "business", "fixed_business", "version", "created_at",
        "updated_at",
        "deleted_at", "default", "optional", "fields", "replace", "embed", "time_zone", "writable",
        "conflict",
    ]

    /// What every record has without being listed.
    private static let ownNames: Set<String> = ["id", "version", "created_at", "updated_at", "deleted_at"]

    func catalogue(_ root: Node?) throws(CatalogueError) -> EntityCatalogue {
        guard let root, let top = root.mapping, let entities = top["entities"]?.mapping else {
            throw fail(root, "expected `entities:` with a mapping of names")
        }
        for (key, _) in top where key.string != "entities" {
            throw fail(key, "unknown key `\(key.string ?? "?")`")
        }
        var definitions: [EntityDefinition] = []
        for (name, node) in entities {
            let definition = try entity(name, node)
            if let other = definitions.first(where: { $0.number == definition.number }) {
                throw fail(name, "\(definition.name): number \(definition.number) belongs to \(other.name)")
            }
            if definitions.contains(where: { $0.name == definition.name }) {
                throw fail(name, "\(definition.name) is there twice")
            }
            definitions.append(definition)
        }
        guard !definitions.isEmpty else { throw fail(root, "no entity is listed") }
        try checkTargets(of: definitions, root)
        return EntityCatalogue(entities: definitions)
    }

    private func entity(_ nameNode: Node, _ node: Node) throws(CatalogueError) -> EntityDefinition {
        guard let text = nameNode.string, let name = EntityName(text) else {
            throw fail(nameNode, "an entity's name is lower case letters, digits and `_`")
        }
        guard let mapping = node.mapping else { throw fail(node, "\(name): expected a mapping") }
        for (key, _) in mapping where !Self.keys.contains(key.string ?? "") {
            throw fail(key, "\(name): unknown key `\(key.string ?? "?")`")
        }
        guard let number = mapping["number"]?.int.flatMap({ EntityNumber($0) }) else {
            throw fail(mapping["number"] ?? nameNode, "\(name): `number` must be 1…63")
        }
        var definition = EntityDefinition(
            number: number, name: name, table: try string(mapping, "table") ?? name.text)
        definition.keyColumn = try string(mapping, "key") ?? "id"
        if let kind = try string(mapping, "key_type") {
            guard let known = KeyKind(rawValue: kind) else {
                throw fail(mapping["key_type"], "\(name): `key_type` is integer or text")
            }
            definition.keyKind = known
        }
        if let fixed = try string(mapping, "fixed_business") {
            definition.business = .fixed(Key(parsing: fixed))
        } else {
            definition.business = .column(try string(mapping, "business") ?? "business_id")
        }
        definition.versionColumn = try column(mapping, "version")
        definition.createdAtColumn = try column(mapping, "created_at")
        definition.updatedAtColumn = try column(mapping, "updated_at")
        definition.deletedAtColumn = try column(mapping, "deleted_at")
        definition.isDefault = try flag(mapping, "default", name)
        definition.isOptional = try flag(mapping, "optional", name)
        definition.fields = try fields(mapping["fields"], name)
        for field in definition.fields where Self.ownNames.contains(field.name) {
            throw fail(
                mapping["fields"],
                "\(name): `\(field.name)` is the record's own; name it otherwise: `x: {column: \(field.column)}`"
            )
        }
        definition.replaceKeys = try replaceKeys(mapping["replace"], name)
        definition.writable = try writable(mapping["writable"], definition)
        definition.conflictPolicy = try conflictPolicy(mapping, name)
        definition.timeZone = try timeZone(mapping["time_zone"], name)
        definition.embeds = try embeds(mapping["embed"], in: definition)
        return definition
    }

    func fields(_ node: Node?, _ name: EntityName) throws(CatalogueError) -> [FieldDefinition] {
        guard let node else { return [] }
        guard let list = node.sequence else { throw fail(node, "\(name): `fields` is a list") }
        var fields: [FieldDefinition] = []
        for entry in list {
            let field = try self.field(entry, name)
            if fields.contains(where: { $0.name == field.name }) {
                throw fail(entry, "\(name): field `\(field.name)` is there twice")
            }
            fields.append(field)
        }
        return fields
    }

    /// `name`, `name: cast`, or `name: {column: …, cast: …}`.
    private func field(_ node: Node, _ name: EntityName) throws(CatalogueError) -> FieldDefinition {
        if node.mapping == nil, let text = node.string { return FieldDefinition(name: text) }
        guard let mapping = node.mapping, mapping.count == 1, let (key, value) = mapping.first,
            let text = key.string
        else { throw fail(node, "\(name): a field is a name, or `name: cast`") }
        if let details = value.mapping {
            return FieldDefinition(
                name: text, column: try string(details, "column"),
                cast: try cast(details["cast"], name, text))
        }
        return FieldDefinition(name: text, cast: try cast(value, name, text))
    }

    private func cast(
        _ node: Node?, _ name: EntityName, _ field: String
    ) throws(CatalogueError) -> FieldDefinition.Cast {
        guard let node else { return .plain }
        guard let text = node.string, let cast = FieldDefinition.Cast(rawValue: text) else {
            let known = FieldDefinition.Cast.allCases.map(\.rawValue).joined(separator: ", ")
            throw fail(node, "\(name).\(field): unknown cast; known are \(known)")
        }
        return cast
    }

    func replaceKeys(_ node: Node?, _ name: EntityName) throws(CatalogueError) -> [ReplaceKey] {
        guard let node else { return [] }
        guard let list = node.sequence else {
            throw fail(node, "\(name): `replace` is a list of column lists")
        }
        var keys: [ReplaceKey] = []
        for entry in list {
            guard let columns = entry.sequence?.map({ $0.string }), !columns.isEmpty, !columns.contains(nil)
            else {
                throw fail(entry, "\(name): `replace` is a list of column lists")
            }
            keys.append(ReplaceKey(columns.compactMap(\.self)))
        }
        return keys
    }

    func string(_ mapping: Node.Mapping, _ key: String) throws(CatalogueError) -> String? {
        guard let node = mapping[Node(key)] else { return nil }
        guard node.mapping == nil, node.sequence == nil, let text = node.string, !text.isEmpty else {
            throw fail(node, "`\(key)` is a name")
        }
        return text
    }

    /// Nil when left out. A name of the tz database.
    private func timeZone(_ node: Node?, _ name: EntityName) throws(CatalogueError) -> String? {
        guard let node else { return nil }
        guard let text = node.string, TimeZone(identifier: text) != nil else {
            throw fail(node, "\(name): `time_zone` is a name such as Europe/Berlin or UTC")
        }
        return text
    }

    /// Named like the key when left out; nil for `none`.
    private func column(_ mapping: Node.Mapping, _ key: String) throws(CatalogueError) -> String? {
        let text = try string(mapping, key) ?? key
        return text == "none" ? nil : text
    }

    private func flag(
        _ mapping: Node.Mapping, _ key: String, _ name: EntityName
    ) throws(CatalogueError) -> Bool {
        guard let node = mapping[Node(key)] else { return false }
        guard let value = node.bool else { throw fail(node, "\(name): `\(key)` is true or false") }
        return value
    }

    func fail(_ node: Node?, _ text: String) -> CatalogueError {
        CatalogueError(file, node?.mark, text)
    }
}
