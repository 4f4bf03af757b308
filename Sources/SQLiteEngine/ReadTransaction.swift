// One snapshot for several reads. Prepared once a connection: compiling BEGIN and COMMIT each time would cost
// more than most of the reads between them.

import GRDB

/// `BEGIN DEFERRED` … `COMMIT` around reads. Lives on its connection's lane.
final class ReadTransaction {
    private let begin: RawStatement
    private let commit: RawStatement
    private let rollback: RawStatement

    init(_ db: Database) throws {
        begin = try RawStatement(db, "BEGIN DEFERRED")
        commit = try RawStatement(db, "COMMIT")
        rollback = try RawStatement(db, "ROLLBACK")
    }

    /// Everything that `read` reads is of one snapshot, opened by the first of it.
    func snapshot<Value>(_ read: () throws -> Value) throws -> Value {
        try begin.run()
        do {
            let value = try read()
            try commit.run()
            return value
        } catch {
            try? rollback.run()
            throw error
        }
    }
}
