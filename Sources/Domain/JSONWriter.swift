// JSON as bytes, appended. A row becomes JSON once, at its source, and is only copied after that, so this is
// on the path of every change: no intermediate strings, ASCII runs copied whole.
//
// Escaped beyond what RFC 8259 asks: U+0085, U+2028 and U+2029. Strict SSE parsers pass them, but clients
// that cut lines with a Unicode-aware "split lines" would break an event there.

/// Appends JSON to a byte array. A value; the caller keeps commas and brackets in order.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8]
    /// How many ill-formed UTF-8 sequences were replaced by U+FFFD.
    public private(set) var replacements = 0

    public init(reserving capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    public var count: Int { bytes.count }

    /// Empties the writer and keeps its memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Appends bytes that are JSON already.
    public mutating func raw(_ json: [UInt8]) { bytes.append(contentsOf: json) }

    /// Appends a literal that is JSON already.
    public mutating func raw(_ json: StaticString) {
        unsafe bytes.append(
            contentsOf: UnsafeBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount))
    }

    /// Appends one ASCII character.
    public mutating func byte(_ character: UInt8) { bytes.append(character) }

    public mutating func integer(_ value: some FixedWidthInteger) {
        if value < 0 { byte(0x2D) }
        let magnitude = UInt64(value.magnitude)
        var place: UInt64 = 1
        while magnitude / place >= 10 { place *= 10 }
        while place > 0 {
            byte(0x30 + UInt8(magnitude / place % 10))
            place /= 10
        }
    }

    /// Appends the lowest hex digits of a value, in lower case.
    public mutating func hex(_ value: UInt64, digits: Int) {
        var shift = digits * 4
        while shift > 0 {
            shift -= 4
            byte(Self.hex[Int(truncatingIfNeeded: value >> shift) & 15])
        }
    }

    /// An integer as a number when JavaScript can hold it exactly, else as a string.
    public mutating func safeInteger(_ value: Int64) {
        if value.magnitude < 1 << 53 {
            integer(value)
        } else {
            byte(0x22)
            integer(value)
            byte(0x22)
        }
    }

    /// A real; null when it is not finite. Whole numbers are written without a fraction, as `json_encode`
    /// does.
    public mutating func real(_ value: Double) {
        guard value.isFinite else { return raw("null") }
        if value == value.rounded(), abs(value) < 1e15 { return integer(Int64(value)) }
        bytes.append(contentsOf: value.description.utf8)
    }

    public mutating func boolean(_ value: Bool) { value ? raw("true") : raw("false") }

    /// A record id: a number, or a string for texts and for integers beyond 2^53.
    public mutating func key(_ key: Key) {
        switch key {
        case .integer(let value): safeInteger(value)
        case .text(let value): string(value)
        }
    }

    /// `"name":`, for names that need no escaping.
    public mutating func name(_ name: StaticString) {
        bytes.append(0x22)
        raw(name)
        bytes.append(0x22)
        bytes.append(0x3A)
    }

    /// `"name":`, escaped.
    public mutating func name(_ name: String) {
        string(name)
        bytes.append(0x3A)
    }

    public mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { unsafe string(Span(_unsafeElements: $0)) }
    }

    /// A quoted string from UTF-8 that may be ill-formed: each bad sequence becomes U+FFFD and is counted.
    public mutating func string(_ utf8: Span<UInt8>) {
        bytes.append(0x22)
        var runStart = 0
        var index = 0
        let end = utf8.count
        while index < end {
            let byte = utf8[index]
            if byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x5C {
                index += 1
                continue
            }
            if byte >= 0x80, let width = Self.plainSequence(utf8, at: index) {
                index += width
                continue
            }
            append(utf8, from: runStart, to: index)
            index = byte < 0x80 ? escape(byte, at: index) : escapeWide(utf8, at: index)
            runStart = index
        }
        append(utf8, from: runStart, to: end)
        bytes.append(0x22)
    }

    /// A quoted string of RFC 4648 base64, padded.
    public mutating func base64(_ data: Span<UInt8>) {
        bytes.append(0x22)
        var index = 0
        while index < data.count {
            let left = min(3, data.count - index)
            var group = 0
            for offset in 0..<3 { group = group << 8 | (offset < left ? Int(data[index + offset]) : 0) }
            for place in 0..<4 {
                bytes.append(place <= left ? Self.base64Alphabet[group >> (18 - 6 * place) & 63] : 0x3D)
            }
            index += 3
        }
        bytes.append(0x22)
    }

    private static let base64Alphabet =
        Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private mutating func append(_ utf8: Span<UInt8>, from start: Int, to end: Int) {
        guard start < end else { return }
        unsafe utf8.extracting(start..<end).withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    private mutating func escape(_ byte: UInt8, at index: Int) -> Int {
        switch byte {
        case 0x22: raw("\\\"")
        case 0x5C: raw("\\\\")
        case 0x0A: raw("\\n")
        case 0x0D: raw("\\r")
        case 0x09: raw("\\t")
        default:
            raw("\\u")
            hex(UInt64(byte), digits: 4)
        }
        return index + 1
    }

    /// Escapes a line separator, or replaces one ill-formed sequence. Returns the index behind it.
    private mutating func escapeWide(_ utf8: Span<UInt8>, at index: Int) -> Int {
        if utf8[index] == 0xC2, index + 1 < utf8.count, utf8[index + 1] == 0x85 {
            raw("\\u0085")
            return index + 2
        }
        if utf8[index] == 0xE2, index + 2 < utf8.count, utf8[index + 1] == 0x80,
            utf8[index + 2] == 0xA8 || utf8[index + 2] == 0xA9
        {
            if utf8[index + 2] == 0xA8 { raw("\\u2028") } else { raw("\\u2029") }
            return index + 3
        }
        replacements += 1
        bytes.append(contentsOf: [0xEF, 0xBF, 0xBD])
        return index + 1
    }

    /// The width of a well-formed multi-byte sequence that needs no escape; nil otherwise. Unicode 15, table
    /// 3-7.
    private static func plainSequence(_ utf8: Span<UInt8>, at index: Int) -> Int? {
        func tail(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index + offset < utf8.count && range.contains(utf8[index + offset])
        }
        switch utf8[index] {
        case 0xC2: return tail(1) && utf8[index + 1] != 0x85 ? 2 : nil
        case 0xC3...0xDF: return tail(1) ? 2 : nil
        case 0xE0: return tail(1, 0xA0...0xBF) && tail(2) ? 3 : nil
        case 0xE2:
            guard tail(1), tail(2) else { return nil }
            let separator = utf8[index + 1] == 0x80 && (utf8[index + 2] == 0xA8 || utf8[index + 2] == 0xA9)
            return separator ? nil : 3
        case 0xED: return tail(1, 0x80...0x9F) && tail(2) ? 3 : nil
        case 0xE1...0xEF: return tail(1) && tail(2) ? 3 : nil
        case 0xF0: return tail(1, 0x90...0xBF) && tail(2) && tail(3) ? 4 : nil
        case 0xF1...0xF3: return tail(1) && tail(2) && tail(3) ? 4 : nil
        case 0xF4: return tail(1, 0x80...0x8F) && tail(2) && tail(3) ? 4 : nil
        default: return nil
        }
    }

    private static let hex = Array("0123456789abcdef".utf8)
}
