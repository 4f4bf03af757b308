// A request as a value.

/// A parsed request.
public struct Request: Hashable, Sendable {
    /// The two versions that are spoken.
    public enum Version: Hashable, Sendable { case http10, http11 }

    /// One header line; the name in lower case.
    public struct Field: Hashable, Sendable {
        public let name: String
        public let value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public var method = "GET"
    public var target = RequestTarget(path: "/", query: [])
    public var version = Version.http11
    public var fields: [Field] = []
    public var body: [UInt8] = []

    public init() {}

    /// The value of the first field of that name, in lower case.
    public func header(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The elements of a comma-separated header, over all its lines, trimmed.
    public func list(_ name: String) -> [String] {
        fields.filter { $0.name == name }.flatMap { field in
            field.value.split(separator: ",").map { element in
                String(
                    element.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }
                        .reversed())
            }
        }
    }

    /// Whether the connection may serve another request after this one.
    public var keepsAlive: Bool {
        let options = list("connection").map { $0.lowercased() }
        if options.contains("close") { return false }
        return version == .http11 || options.contains("keep-alive")
    }
}

/// Path and query, percent-decoded.
public struct RequestTarget: Hashable, Sendable {
    /// Decoded once; begins with `/`.
    public let path: String
    /// In order; a name may repeat.
    public let query: [QueryItem]

    /// One `name=value`.
    public struct QueryItem: Hashable, Sendable {
        public let name: String
        /// Percent-decoded; a literal `+` is kept as it is (RFC 3339 offsets arrive so).
        public let value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(path: String, query: [QueryItem]) {
        self.path = path
        self.query = query
    }

    /// The last value of that name.
    public func value(_ name: String) -> String? { query.last { $0.name == name }?.value }

    init(parsing bytes: ArraySlice<UInt8>) throws(ParseError) {
        let mark = bytes.firstIndex(of: 0x3F) ?? bytes.endIndex
        path = try Self.decode(bytes[..<mark])
        var items: [QueryItem] = []
        if mark < bytes.endIndex {
            for part in bytes[(mark + 1)...].split(separator: 0x26) {
                let equals = part.firstIndex(of: 0x3D) ?? part.endIndex
                let value = equals < part.endIndex ? try Self.decode(part[(equals + 1)...]) : ""
                items.append(QueryItem(name: try Self.decode(part[..<equals]), value: value))
            }
        }
        query = items
    }

    /// Strict: an escape is two hex digits, the result is UTF-8 without control characters.
    private static func decode(_ bytes: ArraySlice<UInt8>) throws(ParseError) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] != 0x25 {
                out.append(bytes[index])
                index += 1
                continue
            }
            guard index + 2 < bytes.endIndex, let high = RequestParser.hexValue(bytes[index + 1]),
                let low = RequestParser.hexValue(bytes[index + 2])
            else { throw .bad("A percent escape is malformed.") }
            out.append(UInt8(high << 4 | low))
            index += 3
        }
        guard out.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), let text = String(validating: out, as: UTF8.self)
        else {
            throw .bad("The request target holds bytes that are not text.")
        }
        return text
    }
}
