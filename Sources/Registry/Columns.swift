// How our words stand in columns. The tables are STRICT, so an integer column holds integers whoever wrote
// it; what can still be wrong (a hash that is not hex, a business that is a BLOB) is nil here, and the row
// does not count.

import Domain
import Foundation
import GRDB

extension BusinessID {
    var databaseValue: DatabaseValue {
        switch key {
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        }
    }

    init?(_ value: DatabaseValue) {
        switch value.storage {
        case .int64(let number): self.init(number)
        case .string(let text): self.init(.text(text))
        case .null, .double, .blob: return nil
        }
    }
}

extension Abilities {
    /// A JSON list of names, as Sanctum stores it. Anything else allows nothing.
    init(json: String) {
        self.init((try? JSONDecoder().decode([String].self, from: Data(json.utf8))) ?? [])
    }

    var json: String {
        var writer = JSONWriter()
        for (index, name) in names.enumerated() {
            writer.byte(index == 0 ? 0x5B : 0x2C)
            writer.string(name)
        }
        if names.isEmpty { writer.byte(0x5B) }
        writer.byte(0x5D)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension Timestamp {
    func adding(seconds: Int64) -> Timestamp { Timestamp(microseconds: microseconds + seconds * 1_000_000) }
}

extension Row {
    func time(_ column: String) -> Timestamp? { (self[column] as Int64?).map(Timestamp.init(microseconds:)) }

    /// The column every table has.
    var business: BusinessID? { BusinessID(self["business"] as DatabaseValue) }
}
