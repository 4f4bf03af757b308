// A change that is nobody's: the deletion of a record that never was, in a business that has none. It goes
// the way of every other, from the journal on, and touches no table of the application's.

public import Domain
import GRDB

/// Commits changes for a gateway that listens to itself. Lives on its worker lane; blocks.
public final class CanaryWriter {
    private let file: DatabaseFile
    private let entity: EntityDefinition
    private let business: BusinessID

    public init(file: DatabaseFile, entity: EntityDefinition, business: BusinessID) {
        self.file = file
        self.entity = entity
        self.business = business
    }

    /// Commits one. On a connection of its own: another file may stand at the path by now.
    ///
    /// - Returns: Where it stands in the journal, and when the write lock was had: what waits for other
    ///   writers says nothing about the gateway.
    public func write() throws -> (seq: Seq, begunAt: ContinuousClock.Instant) {
        try file.open(.writer).inDatabase { db in
            var begunAt = ContinuousClock.now
            try db.inTransaction(.immediate) {
                begunAt = .now
                let statement = try RawStatement(
                    db,
                    """
                    INSERT INTO tidings_journal(entity, business, id, op, version)
                    VALUES (?1, ?2, ?3, 3, 1)
                    """)
                statement.bind(1, Int64(entity.number.rawValue))
                statement.bind(2, business.key)
                statement.bind(3, entity.keyKind == .integer ? .integer(-1) : .text("canary"))
                try statement.run()
                return .commit
            }
            return (Seq(db.lastInsertedRowID), begunAt)
        }
    }
}
