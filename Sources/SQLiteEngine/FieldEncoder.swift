// Columns become the members of a JSON object, each by its cast.

import Domain

/// Encodes the listed fields of a row. Lives on its connection's lane.
final class FieldEncoder {
    private let fields: [FieldDefinition]
    /// Names with quotes and colon, so that a row copies them.
    private let names: [[UInt8]]
    private let localTime: LocalTime?

    init(_ fields: [FieldDefinition], localTime: LocalTime?) {
        self.fields = fields
        self.localTime = localTime
        names = fields.map { field in
            var json = JSONWriter()
            json.name(field.name)
            return json.bytes
        }
    }

    /// Appends the members, columns from `first` on.
    ///
    /// - Parameter isFirst: No member stands before; false afterwards, if one was written.
    func encode(_ row: RawStatement, from first: Int32, isFirst: inout Bool, to json: inout JSONWriter) {
        for (index, field) in fields.enumerated() {
            let column = first + Int32(index)
            let storage = row.storage(column)
            // BLOBs are omitted unless asked for.
            if storage == .blob && field.cast != .base64 { continue }
            if !isFirst { json.byte(0x2C) }
            isFirst = false
            json.raw(names[index])
            if storage == .null { json.raw("null") } else { encode(field.cast, row, column, to: &json) }
        }
    }

    private func encode(
        _ cast: FieldDefinition.Cast, _ row: RawStatement, _ column: Int32, to json: inout JSONWriter
    ) {
        switch cast {
        case .plain: encodePlain(row, column, to: &json)
        case .decimalString: row.withBytes(column) { json.string($0) }
        case .number: encodeNumber(row, column, to: &json)
        case .boolean: json.boolean(row.integer(column) != 0)
        case .timestamp: encodeTimestamp(row, column, to: &json)
        case .json: encodeJSON(row, column, to: &json)
        case .base64: row.withBytes(column) { json.base64($0) }
        }
    }

    /// By the storage class of the value.
    func encodePlain(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        switch row.storage(column) {
        case .integer: json.safeInteger(row.integer(column))
        case .real: json.real(row.real(column))
        case .text: row.withBytes(column) { json.string($0) }
        case .blob, .null: json.raw("null")
        }
    }

    private func encodeNumber(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        guard row.storage(column) == .text else { return encodePlain(row, column, to: &json) }
        let text = row.text(column)
        // A decimal keeps its digits; what is no number stays a string.
        if JSONText.isNumber(Array(text.utf8)) { json.raw(Array(text.utf8)) } else { json.string(text) }
    }

    private func encodeJSON(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        let bytes = Array(row.text(column).utf8)
        if let compact = JSONText.compact(bytes) { json.raw(compact) } else { json.string(row.text(column)) }
    }

    /// A moment on the wire: texts in any form `StoredTime` reads, numbers as `StoredTime.moment` takes them.
    func encodeTimestamp(_ row: RawStatement, _ column: Int32, to json: inout JSONWriter) {
        let time: Timestamp?
        switch row.storage(column) {
        case .text:
            time = row.withBytes(column) { bytes -> Timestamp? in
                if StoredTime.isWireForm(bytes) {
                    json.string(bytes)
                    return nil
                }
                guard let stored = StoredTime.parse(bytes) else {
                    json.string(bytes)
                    return nil
                }
                return stored.hasZone ? stored.time : localTime?.moment(stored.time) ?? stored.time
            }
            if time == nil { return }
        case .integer: time = StoredTime.moment(Double(row.integer(column)))
        case .real: time = StoredTime.moment(row.real(column))
        case .blob, .null: time = nil
        }
        guard let time else { return json.raw("null") }
        json.raw("\"")
        json.raw(time.utf8)
        json.raw("\"")
    }
}
