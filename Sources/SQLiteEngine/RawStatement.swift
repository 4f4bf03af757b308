// A prepared statement, column by column: where rows become bytes, no value is made that is not needed. GRDB
// owns the connection and the statement; this steps it. The corresponding C functions are `sqlite3_bind_*`,
// `sqlite3_step`, `sqlite3_column_*`, `sqlite3_reset`.

import Domain
import GRDB
import GRDBSQLite

/// Steps one statement. Lives on its connection's lane.
@safe final class RawStatement {
    private let statement: Statement
    private let handle: OpaquePointer

    init(_ db: Database, _ sql: String) throws {
        statement = try db.makeStatement(sql: sql)
        unsafe handle = statement.sqliteStatement
    }

    /// What it is prepared on.
    var connection: OpaquePointer { unsafe sqlite3_db_handle(handle) }

    // MARK: Binding; indexes begin at 1

    func bind(_ index: Int32, _ value: Int64) { unsafe sqlite3_bind_int64(handle, index, value) }

    func bind(_ index: Int32, _ key: Key) {
        switch key {
        case .integer(let value): bind(index, value)
        case .text(var value):
            // -1: SQLite copies before the call returns.
            let copy = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            value.withUTF8 { text in
                _ = unsafe text.withMemoryRebound(to: CChar.self) {
                    unsafe sqlite3_bind_text(handle, index, $0.baseAddress, Int32($0.count), copy)
                }
            }
        }
    }

    // MARK: Rows

    /// The next row; false at the end.
    func step() throws -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            defer { reset() }
            throw DatabaseError(
                resultCode: ResultCode(rawValue: code),
                message: unsafe String(cString: sqlite3_errmsg(connection)))
        }
    }

    /// Ends the reading: an unfinished statement would hold its snapshot open.
    func reset() { unsafe sqlite3_reset(handle) }

    /// Runs to the end with what `row` makes of each row. Always resets.
    func forEach(_ row: (RawStatement) throws -> Void) throws {
        defer { reset() }
        while try step() { try row(self) }
    }

    /// What the first row says; nil without one. Always resets.
    func first<Value>(_ row: (RawStatement) throws -> Value) throws -> Value? {
        defer { reset() }
        return try step() ? try row(self) : nil
    }

    func run() throws {
        defer { reset() }
        while try step() {}
    }

    // MARK: Columns; indexes begin at 0

    enum Storage { case integer, real, text, blob, null }

    func storage(_ column: Int32) -> Storage {
        switch unsafe sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: .integer
        case SQLITE_FLOAT: .real
        case SQLITE_TEXT: .text
        case SQLITE_BLOB: .blob
        default: .null
        }
    }

    func isNull(_ column: Int32) -> Bool { storage(column) == .null }
    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }
    func real(_ column: Int32) -> Double { unsafe sqlite3_column_double(handle, column) }

    /// The text or blob bytes, valid during the call only.
    func withBytes<Result>(_ column: Int32, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        let start: UnsafePointer<UInt8>?
        if storage(column) == .blob {
            unsafe start = sqlite3_column_blob(handle, column)?.assumingMemoryBound(to: UInt8.self)
        } else {
            unsafe start = sqlite3_column_text(handle, column)
        }
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        let bytes = unsafe UnsafeBufferPointer(start: start, count: start == nil ? 0 : count)
        return try unsafe body(Span(_unsafeElements: bytes))
    }

    func text(_ column: Int32) -> String {
        withBytes(column) { bytes in
            unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        }
    }

    /// A key as it is stored; nil for NULL, reals, blobs and ill-formed texts, which are no keys: mended, two
    /// of the last could become one.
    func key(_ column: Int32) -> Key? {
        switch storage(column) {
        case .integer: .integer(integer(column))
        case .text:
            withBytes(column) { bytes in
                unsafe bytes.withUnsafeBufferPointer { unsafe String(validating: $0, as: UTF8.self) }
            }.map(Key.text)
        case .real, .blob, .null: nil
        }
    }
}

/// A name as an SQL identifier.
func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}
