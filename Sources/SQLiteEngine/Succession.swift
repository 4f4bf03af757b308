// A history that begins in the file itself: a restore puts another one in place, or the hooks are made anew
// after journal rows were lost. It has its name from then on, and note is taken of the name it succeeds. A
// gateway that served that one last can tell it from all it ever served, and keeps its name:
//
//     served last    stored    succeeds
//     A              B         A           B was never served: it begins
//     A              B         –, or C     a file from who knows when: another name
//
// The note goes with the first opening, so that no copy of the file is believed twice.

import Domain
import GRDB

/// Which history came in place of which, in the transaction of the caller.
enum Succession {
    /// Names the history in this file anew.
    ///
    /// - Parameter served: The one it succeeds, as `served` tells it of what stood there; nil: not known.
    static func begin(_ db: Database, after served: Epoch?) throws {
        let epoch = try rename(db)
        guard let served else { return }
        try db.execute(
            sql: "INSERT INTO tidings_meta(key, value) VALUES ('succeeds', ?)",
            arguments: ["\(epoch) \(served)"])
    }

    /// Gives the history a name that nothing was ever served by. Returns it.
    @discardableResult static func rename(_ db: Database) throws -> Epoch {
        var random = SystemRandomNumberGenerator()
        let epoch = Epoch.random(using: &random)
        try db.execute(
            sql: """
                INSERT INTO tidings_meta(key, value) VALUES ('epoch', ?)
                ON CONFLICT(key) DO UPDATE SET value = excluded.value
                """, arguments: [epoch.description])
        try forget(db)
        return epoch
    }

    /// The name that clients of this file know: the stored one, or while it has not been opened yet the one
    /// it succeeds. Nil: it has no journal.
    static func served(_ db: Database) throws -> Epoch? {
        guard try db.hasTable("tidings_meta") else { return nil }
        let text = try String.fetchOne(db, sql: "SELECT value FROM tidings_meta WHERE key = 'epoch'")
        guard let stored = text.flatMap(Epoch.init(hex:)) else { return nil }
        return try predecessor(of: stored, db) ?? stored
    }

    /// The history that `epoch` came in place of, if it was not opened since.
    static func predecessor(of epoch: Epoch, _ db: Database) throws -> Epoch? {
        let note = try String.fetchOne(db, sql: "SELECT value FROM tidings_meta WHERE key = 'succeeds'")
        let names = note?.split(separator: " ").compactMap { Epoch(hex: String($0)) } ?? []
        return names.count == 2 && names[0] == epoch ? names[1] : nil
    }

    /// It is opened.
    static func forget(_ db: Database) throws {
        try db.execute(sql: "DELETE FROM tidings_meta WHERE key = 'succeeds'")
    }
}
