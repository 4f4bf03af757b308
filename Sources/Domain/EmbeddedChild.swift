// Rows of another table that belong to a record and travel inside it: an invoice's lines, a product's links.

/// Owned children, sent as a list of objects in a field of their parent's record. A change of one journals
/// the parent.
public struct EmbeddedChild: Hashable, Sendable {
    /// The parent's field that holds them.
    public var name: String
    public var table: String
    /// The child's column that holds the parent's key.
    public var parentColumn: String
    /// What the list is sorted by; nil: by rowid.
    public var orderColumn: String?
    /// Soft deletion: a child is sent while this is NULL. Nil: it has none.
    public var deletedAtColumn: String?
    public var fields: [FieldDefinition]
    /// The child's keys, primary and other, through which a REPLACE can take a row from another parent
    /// without a delete trigger.
    public var replaceKeys: [ReplaceKey]

    public init(
        name: String, table: String, parentColumn: String, orderColumn: String? = nil,
        deletedAtColumn: String? = nil, fields: [FieldDefinition] = [], replaceKeys: [ReplaceKey] = []
    ) {
        self.name = name
        self.table = table
        self.parentColumn = parentColumn
        self.orderColumn = orderColumn
        self.deletedAtColumn = deletedAtColumn
        self.fields = fields
        self.replaceKeys = replaceKeys
    }
}
