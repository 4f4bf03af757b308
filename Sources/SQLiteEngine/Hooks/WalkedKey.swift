// A key on its way out of the database and back, byte for byte. GRDB makes a String of a text, which mends
// what is no UTF-8 and ends at a NUL: a walk that went on behind that would meet the same row for ever.

import Foundation
import GRDB

/// The last key that a walk has done. A value.
struct WalkedKey {
    private enum Form { case plain, text, blob }

    private let form: Form
    /// Of a text or a BLOB the bytes behind one more: no bytes at all would be bound as NULL.
    let value: DatabaseValue

    /// SQL: the two columns that `init` reads.
    static func columns(of key: String) -> String {
        "typeof(\(key)), CASE typeof(\(key)) WHEN 'text' THEN CAST(\(key) AS BLOB) ELSE \(key) END"
    }

    /// Nil for NULL.
    init?(_ row: Row, at index: Int) {
        let found: DatabaseValue = row[index + 1]
        switch found.storage {
        case .null: return nil
        case .blob(let bytes):
            form = row[index] as String == "text" ? .text : .blob
            value = (Data([0]) + bytes).databaseValue
        case .int64, .double, .string:
            form = .plain
            value = found
        }
    }

    /// SQL: the key itself, where `value` is bound to that name. Without an affinity, as a bound key.
    func sql(_ name: String) -> String {
        switch form {
        case .plain: ":\(name)"
        case .text: "+CAST(substr(:\(name), 2) AS TEXT)"
        case .blob: "substr(:\(name), 2)"
        }
    }
}
