// JSON bodies, read strictly: duplicate keys, a BOM, bad UTF-8, lone surrogates, deep nesting, trailing data
// and numbers that do not fit are refused. Two decoders of one standard library disagree on which of two
// equal keys counts; here neither does. RFC 8259; RFC 7493 (I-JSON).

/// A JSON value. Numbers keep their text, so that 12.50 stays 12.50.
public indirect enum JSONValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    /// In the order they came.
    case object([Member])

    /// One name and its value.
    public struct Member: Hashable, Sendable {
        public let name: String
        public let value: JSONValue
    }

    /// The member of that name; nil when there is none, or this is no object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

/// Why a body is not taken as JSON.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    /// Bytes from the beginning.
    public let offset: Int
}

/// Reads JSON.
public enum StrictJSON {
    public static let depthMax = 32

    /// - Throws: `JSONError` with where it went wrong.
    public static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw JSONError(description: "The body is not UTF-8.", offset: 0)
        }
        var scanner = JSONScanner(bytes)
        let value = try scanner.value(depth: 0)
        scanner.skipSpace()
        guard scanner.isAtEnd else { throw scanner.error("Something follows the JSON value.") }
        return value
    }
}

private struct JSONScanner {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }
    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    func error(_ text: String) -> JSONError { JSONError(description: text, offset: index) }

    mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { index += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard peek == byte else { throw error("The JSON is malformed.") }
        index += 1
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        index += 1
        return true
    }

    mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= StrictJSON.depthMax else { throw error("The JSON is nested too deeply.") }
        skipSpace()
        switch peek {
        case 0x7B: return try object(depth: depth)
        case 0x5B: return try array(depth: depth)
        case 0x22: return .string(try string())
        case 0x74: return try literal("true", .boolean(true))
        case 0x66: return try literal("false", .boolean(false))
        case 0x6E: return try literal("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func literal(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in word.utf8 { try expect(byte) }
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        try expect(0x7B)
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        skipSpace()
        if take(0x7D) { return .object([]) }
        while true {
            skipSpace()
            let name = try string()
            guard names.insert(name).inserted else { throw error("A key stands twice in an object.") }
            skipSpace()
            try expect(0x3A)
            members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if take(0x7D) { return .object(members) }
            try expect(0x2C)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        try expect(0x5B)
        var elements: [JSONValue] = []
        skipSpace()
        if take(0x5D) { return .array([]) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(0x5D) { return .array(elements) }
            try expect(0x2C)
        }
    }

    private mutating func string() throws(JSONError) -> String {
        try expect(0x22)
        var out: [UInt8] = []
        while let byte = peek {
            index += 1
            switch byte {
            case 0x22: return String(decoding: out, as: UTF8.self)
            case 0x5C: try escape(to: &out)
            case 0..<0x20: throw error("A string holds a control character.")
            default: out.append(byte)
            }
        }
        throw error("A string does not end.")
    }

    private mutating func escape(to out: inout [UInt8]) throws(JSONError) {
        guard let byte = peek else { throw error("A string does not end.") }
        index += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: out.append(byte)
        case 0x62: out.append(0x08)
        case 0x66: out.append(0x0C)
        case 0x6E: out.append(0x0A)
        case 0x72: out.append(0x0D)
        case 0x74: out.append(0x09)
        case 0x75: out.append(contentsOf: String(try scalar()).utf8)
        default: throw error("A string holds an unknown escape.")
        }
    }

    private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
        var code = try unit()
        if (0xD800..<0xDC00).contains(code) {
            try expect(0x5C)
            try expect(0x75)
            let low = try unit()
            guard (0xDC00..<0xE000).contains(low) else {
                throw error("A string holds half a surrogate pair.")
            }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("A string holds half a surrogate pair.") }
        return scalar
    }

    private mutating func unit() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = RequestParser.hexValue(byte) else {
                throw error("A \\u escape is malformed.")
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }

    /// Whole numbers must fit 64 bits, others a double.
    private mutating func number() throws(JSONError) -> String {
        let start = index
        _ = take(0x2D)
        if !take(0x30) { try digits() }
        let end = index
        if take(0x2E) { try digits() }
        if take(0x65) || take(0x45) {
            if !take(0x2B) { _ = take(0x2D) }
            try digits()
        }
        guard index - start <= 40 else { throw error("A number is too long.") }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        guard index == end ? Int64(text) != nil : Double(text)?.isFinite == true else {
            throw error("A number does not fit.")
        }
        return text
    }

    private mutating func digits() throws(JSONError) {
        let start = index
        while let byte = peek, (0x30...0x39).contains(byte) { index += 1 }
        guard index > start else { throw error("The JSON is malformed.") }
    }
}
