// Which tables are synced, and how a row of each becomes a record: config/entities.yaml as a value.

/// Everything the gateway knows about one kind of record.
public struct EntityDefinition: Hashable, Sendable {
    public var number: EntityNumber
    public var name: EntityName
    public var table: String
    public var keyColumn: String
    public var keyKind: KeyKind
    public var business: BusinessSource
    /// Nil: the table has none, and only the state index versions its records.
    public var versionColumn: String?
    public var createdAtColumn: String?
    public var updatedAtColumn: String?
    /// Soft deletion: a row is live while this is NULL. Nil: rows are only ever deleted for real.
    public var deletedAtColumn: String?
    /// What leaves the server beside id, version and timestamps, in this order.
    public var fields: [FieldDefinition]
    /// Children that travel inside the record, after its fields.
    public var embeds: [EmbeddedChild]
    /// Where the clock hung that wrote texts without a zone, `Asia/Dhaka`. Nil: UTC.
    public var timeZone: String?
    /// Sent without `entities=`.
    public var isDefault: Bool
    /// Skip the entity when the table is missing, instead of refusing to start.
    public var isOptional: Bool
    /// Further UNIQUE keys of the table, through which a REPLACE can delete another row without a delete
    /// trigger.
    public var replaceKeys: [ReplaceKey]
    /// What tills may upload; empty: nothing.
    public var writable: [WritableField]
    public var conflictPolicy: ConflictPolicy

    public init(
        number: EntityNumber, name: EntityName, table: String, keyColumn: String = "id",
        keyKind: KeyKind = .integer, business: BusinessSource = .column("business_id"),
        versionColumn: String? = "version", createdAtColumn: String? = "created_at",
        updatedAtColumn: String? = "updated_at", deletedAtColumn: String? = "deleted_at",
        fields: [FieldDefinition] = [], embeds: [EmbeddedChild] = [], timeZone: String? = nil,
        isDefault: Bool = true, isOptional: Bool = false, replaceKeys: [ReplaceKey] = [],
        writable: [WritableField] = [], conflictPolicy: ConflictPolicy = .reject
    ) {
        self.number = number
        self.name = name
        self.table = table
        self.keyColumn = keyColumn
        self.keyKind = keyKind
        self.business = business
        self.versionColumn = versionColumn
        self.createdAtColumn = createdAtColumn
        self.updatedAtColumn = updatedAtColumn
        self.deletedAtColumn = deletedAtColumn
        self.fields = fields
        self.embeds = embeds
        self.timeZone = timeZone
        self.isDefault = isDefault
        self.isOptional = isOptional
        self.replaceKeys = replaceKeys
        self.writable = writable
        self.conflictPolicy = conflictPolicy
    }
}

/// A UNIQUE key, through which a REPLACE can delete a row without a delete trigger.
public struct ReplaceKey: Hashable, Sendable {
    public var columns: [String]
    /// How its index compares each of them, as the database says; nil: not asked yet.
    public var collations: [String]?

    public init(_ columns: [String], collations: [String]? = nil) {
        self.columns = columns
        self.collations = collations
    }
}

/// How a primary key is typed.
public enum KeyKind: String, Hashable, Sendable, CaseIterable {
    case integer
    case text
}

/// Where a row's business comes from.
public enum BusinessSource: Hashable, Sendable {
    case column(String)
    /// The whole table belongs to one business.
    case fixed(Key)
}

/// One column of a record.
public struct FieldDefinition: Hashable, Sendable {
    /// How a value is written as JSON.
    public enum Cast: String, Hashable, Sendable, CaseIterable {
        /// By the storage class of the value: integer, real, text or null.
        case plain
        /// A decimal kept as a JSON string, `"12.50"`.
        case decimalString = "string"
        /// A decimal written as a JSON number.
        case number
        case boolean
        /// A moment, rewritten as `2026-01-03T10:00:00.000000Z`.
        case timestamp
        /// Text that is JSON already.
        case json
        /// A BLOB as base64; BLOBs are omitted otherwise.
        case base64
    }

    public var name: String
    public var column: String
    public var cast: Cast

    public init(name: String, column: String? = nil, cast: Cast = .plain) {
        self.name = name
        self.column = column ?? name
        self.cast = cast
    }
}

/// The synced entities of one database. Immutable once loaded.
public struct EntityCatalogue: Hashable, Sendable {
    /// In ascending number.
    public let entities: [EntityDefinition]
    /// Changes when what records look like changes, so that clients download anew: 20 bits of a hash of the
    /// names and fields.
    public let generation: UInt32
    /// What is sent without `entities=`.
    public let defaultSet: EntitySet
    /// Every entity.
    public let wholeSet: EntitySet
    private let indexByNumber: [EntityNumber: Int]
    private let numberByName: [EntityName: EntityNumber]

    /// - Precondition: Numbers and names are unique (the loader has said so with file and line).
    public init(entities: [EntityDefinition]) {
        self.entities = entities.sorted { $0.number < $1.number }
        generation = Self.generation(of: self.entities)
        defaultSet = EntitySet(self.entities.filter(\.isDefault).map(\.number))
        wholeSet = EntitySet(self.entities.map(\.number))
        indexByNumber = Dictionary(
            uniqueKeysWithValues: self.entities.enumerated().map { ($0.element.number, $0.offset) })
        numberByName = Dictionary(uniqueKeysWithValues: self.entities.map { ($0.name, $0.number) })
    }

    public subscript(number: EntityNumber) -> EntityDefinition? {
        indexByNumber[number].map { entities[$0] }
    }

    public func number(named name: EntityName) -> EntityNumber? { numberByName[name] }

    /// The wire name of an entity of this catalogue.
    public func name(of number: EntityNumber) -> EntityName {
        guard let index = indexByNumber[number] else {
            preconditionFailure("entity \(number) is not in the catalogue")
        }
        return entities[index].name
    }

    private static func generation(of entities: [EntityDefinition]) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        func mix(_ text: String) {
            for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
            hash = (hash ^ 0xFF) &* 0x0100_0193
        }
        for entity in entities {
            mix("\(entity.number) \(entity.name)")
            if let zone = entity.timeZone { mix(zone) }
            for field in entity.fields { mix("\(field.name) \(field.column) \(field.cast.rawValue)") }
            for child in entity.embeds {
                mix("\(child.name) \(child.table) \(child.parentColumn)")
                for field in child.fields { mix("\(field.name) \(field.column) \(field.cast.rawValue)") }
            }
        }
        return (hash ^ hash >> 20) & 0xF_FFFF
    }
}
