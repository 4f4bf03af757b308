// The name a client gives a request, so that asking twice is doing once. Raw, or as a quoted string
// (draft-ietf-httpapi-idempotency-key-header; RFC 8941 § 3.3.3).

import HTTP

/// Reads the header.
enum IdempotencyKey {
    /// More than one, empty, too long, or not visible ASCII.
    struct Malformed: Error {}

    static let bytesMax = 255

    /// Nil without the header.
    static func read(_ request: Request) throws(Malformed) -> String? {
        let values = request.fields.filter { $0.name == "idempotency-key" }
        guard let value = values.first?.value else { return nil }
        let key = value.hasPrefix("\"") ? unquoted(value) : value
        guard values.count == 1, let key, (1...bytesMax).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw Malformed() }
        return key
    }

    private static func unquoted(_ text: String) -> String? {
        guard text.utf8.count >= 2, text.hasSuffix("\"") else { return nil }
        var key = ""
        var isEscaped = false
        for character in text.unicodeScalars.dropFirst().dropLast() {
            switch (isEscaped, character) {
            case (true, "\\"), (true, "\""):
                key.unicodeScalars.append(character)
                isEscaped = false
            case (true, _), (false, "\""): return nil
            case (false, "\\"): isEscaped = true
            default: key.unicodeScalars.append(character)
            }
        }
        return isEscaped ? nil : key
    }
}
