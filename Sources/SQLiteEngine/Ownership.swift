// Whose a row is, asked of the row itself. The state index says it too, but it is written by triggers, and an
// application's own triggers may have the last word on a row: until the index is put right, nobody is handed,
// and nobody writes, what is not theirs now.

import Domain

extension EntityDefinition {
    /// SQL: the row lives, and is that business's. Bytes are compared, whatever the column's collation.
    ///
    /// - Parameters:
    ///   - row: What the row is called.
    ///   - business: An expression.
    ///   - table: The table as it is now; a business whose column is gone has no rows.
    func isOwn(_ row: String, of business: String, in table: TableSchema?) -> String {
        let isTheirs =
            switch self.business {
            case .column(let column) where table?.has(column) ?? true:
                "+\(row).\(quoted(column)) COLLATE BINARY IS \(business)"
            case .column: "0"
            case .fixed(let fixed): "\(HookGenerator.literal(fixed)) IS \(business)"
            }
        guard let column = deletedAtColumn, table?.has(column) ?? true else { return isTheirs }
        return "\(isTheirs) AND \(row).\(quoted(column)) IS NULL"
    }
}
