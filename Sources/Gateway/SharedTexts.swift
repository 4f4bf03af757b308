// Texts that many clients send alike: kept once, not once a stream.

/// Equal texts, as one. A value; bounded, since clients choose the texts.
struct SharedTexts {
    private static let countMax = 256
    private var known: Set<String> = []

    /// The same text, in the bytes of the first that was equal.
    mutating func shared(_ text: String) -> String {
        if let same = known.firstIndex(of: text) { return known[same] }
        if known.count < Self.countMax { known.insert(text) }
        return text
    }
}
