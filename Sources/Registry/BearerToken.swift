// What stands behind `Bearer `: `<id>|<secret>`, or the secret alone, as Laravel Sanctum reads it.

/// A presented token. A value.
struct BearerToken {
    let id: Int64?
    /// Of the secret.
    let hash: SecretHash

    /// Nil when the text is not of the grammar.
    init?(_ text: String) {
        guard (8...256).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        guard let bar = text.utf8.firstIndex(of: 0x7C) else {
            id = nil
            hash = SecretHash(of: text)
            return
        }
        let digits = text[..<bar].utf8
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }), let id = Int64(text[..<bar]) else {
            return nil
        }
        self.id = id
        hash = SecretHash(of: text[bar...].utf8.dropFirst())
    }
}
