// Texts in a database that claim to be JSON: passed on only if they are, on one line. One that is not, among
// the records of an answer, would make the whole answer unreadable to every client of its business. So what
// some parser refuses is not passed on either: lone surrogates (PHP, Foundation), numbers beyond a double
// (serde, Foundation).

/// Looks at JSON text without building anything.
enum JSONText {
    /// RFC 8259 § 6, and not beyond what a double holds.
    static func isNumber(_ text: [UInt8]) -> Bool {
        var scanner = Scanner(text)
        return scanner.number() && scanner.isAtEnd
    }

    /// The same JSON without white space between tokens, its line separators escaped; nil when it is not
    /// JSON, or nested deeper than 64.
    ///
    /// - Parameter text: UTF-8.
    static func compact(_ text: [UInt8]) -> [UInt8]? {
        var scanner = Scanner(text)
        guard scanner.value(depth: 0) else { return nil }
        scanner.skipSpace()
        return scanner.isAtEnd ? scanner.output : nil
    }

    private struct Scanner {
        private let text: [UInt8]
        private var index = 0
        private(set) var output: [UInt8] = []

        init(_ text: [UInt8]) { self.text = text }

        var isAtEnd: Bool { index == text.count }
        private var peek: UInt8? { index < text.count ? text[index] : nil }

        mutating func skipSpace() {
            while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            output.append(byte)
            index += 1
            return true
        }

        mutating func value(depth: Int) -> Bool {
            guard depth < 64 else { return false }
            skipSpace()
            switch peek {
            case 0x7B: return container(0x7B, 0x7D, depth: depth, isObject: true)
            case 0x5B: return container(0x5B, 0x5D, depth: depth, isObject: false)
            case 0x22: return string()
            case 0x74: return literal("true")
            case 0x66: return literal("false")
            case 0x6E: return literal("null")
            default: return number()
            }
        }

        private mutating func container(_ open: UInt8, _ close: UInt8, depth: Int, isObject: Bool) -> Bool {
            guard take(open) else { return false }
            skipSpace()
            if take(close) { return true }
            while true {
                skipSpace()
                if isObject {
                    guard string() else { return false }
                    skipSpace()
                    guard take(0x3A) else { return false }
                }
                guard value(depth: depth + 1) else { return false }
                skipSpace()
                if take(close) { return true }
                guard take(0x2C) else { return false }
            }
        }

        private mutating func literal(_ word: String) -> Bool { word.utf8.allSatisfy { take($0) } }

        private mutating func string() -> Bool {
            guard take(0x22) else { return false }
            while let byte = peek, byte >= 0x20 {
                if byte == 0x5C {
                    guard escape() else { return false }
                } else if byte >= 0x80, let separator = separator() {
                    output.append(contentsOf: separator.escaped.utf8)
                    index += separator.width
                } else {
                    _ = take(byte)
                    if byte == 0x22 { return true }
                }
            }
            return false
        }

        /// U+0085, U+2028 or U+2029, which `JSONWriter` escapes as well.
        private func separator() -> (escaped: String, width: Int)? {
            let next = text[index...].prefix(3)
            switch next.first {
            case 0xC2 where next.starts(with: [0xC2, 0x85]): return ("\\u0085", 2)
            case 0xE2 where next.elementsEqual([0xE2, 0x80, 0xA8]): return ("\\u2028", 3)
            case 0xE2 where next.elementsEqual([0xE2, 0x80, 0xA9]): return ("\\u2029", 3)
            default: return nil
            }
        }

        private mutating func escape() -> Bool {
            guard take(0x5C), let kind = peek, "\"\\/bfnrtu".utf8.contains(kind), take(kind) else {
                return false
            }
            guard kind == 0x75 else { return true }
            guard let unit = codeUnit() else { return false }
            guard UTF16.isSurrogate(unit) else { return true }
            guard UTF16.isLeadSurrogate(unit), take(0x5C), take(0x75), let trail = codeUnit() else {
                return false
            }
            return UTF16.isTrailSurrogate(trail)
        }

        /// The four hexadecimal digits behind `\u`.
        private mutating func codeUnit() -> UInt16? {
            let digits = text[index...].prefix(4)
            // `UInt16(_:radix:)` would take a sign.
            guard digits.count == 4, digits.allSatisfy({ UnicodeScalar($0).properties.isASCIIHexDigit }),
                let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            digits.forEach { _ = take($0) }
            return unit
        }

        mutating func number() -> Bool {
            let start = index
            _ = take(0x2D)
            if !take(0x30) { guard digits() else { return false } }
            if take(0x2E) { guard digits() else { return false } }
            if take(0x65) || take(0x45) {
                if !take(0x2B) { _ = take(0x2D) }
                guard digits() else { return false }
            }
            // No more than twenty digits, and no exponent: nothing to ask.
            return index - start <= 20 && !text[start..<index].contains { $0 | 0x20 == 0x65 }
                || Double(String(decoding: text[start..<index], as: UTF8.self))?.isFinite ?? false
        }

        private mutating func digits() -> Bool {
            let start = index
            while let byte = peek, (0x30...0x39).contains(byte) { _ = take(byte) }
            return index > start
        }
    }
}
