// Texts in a database that claim to be JSON: passed on only if they are, on one line.

/// Looks at JSON text without building anything.
enum JSONText {
    /// RFC 8259 § 6.
    static func isNumber(_ text: [UInt8]) -> Bool {
        var scanner = Scanner(text)
        return scanner.number() && scanner.isAtEnd
    }

    /// The same JSON without white space between tokens; nil when it is not JSON, or nested deeper than 64.
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
            while let byte = peek {
                if byte < 0x20 { return false }
                output.append(byte)
                index += 1
                if byte == 0x22 { return true }
                if byte == 0x5C {
                    guard let escaped = peek else { return false }
                    output.append(escaped)
                    index += 1
                }
            }
            return false
        }

        mutating func number() -> Bool {
            _ = take(0x2D)
            if !take(0x30) { guard digits() else { return false } }
            if take(0x2E) { guard digits() else { return false } }
            if take(0x65) || take(0x45) {
                if !take(0x2B) { _ = take(0x2D) }
                guard digits() else { return false }
            }
            return true
        }

        private mutating func digits() -> Bool {
            let start = index
            while let byte = peek, (0x30...0x39).contains(byte) { _ = take(byte) }
            return index > start
        }
    }
}
