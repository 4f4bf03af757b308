// One server-sent event as bytes, WHATWG HTML § 9.2. The only place where events are framed: whatever the
// data, it stays one event. Data is JSON, where a line end is a space between two parts, and is told as one;
// an id that could end a line or spoil itself (NUL makes Firefox lose the whole event) never reaches the
// wire.

/// Frames events.
public enum ServerSentEvent {
    /// The bytes of one event, its blank line included.
    ///
    /// - Parameters:
    ///   - event: The type; visible ASCII.
    ///   - id: What the client will present as `Last-Event-ID`; nil leaves its position alone. Visible ASCII.
    ///   - retryMilliseconds: When the client should come back after the stream ends; digits only on the wire
    ///     (WebKit obeys `9000x`).
    /// - Precondition: `id` is visible ASCII: it is ours or a parsed token, never a client's text.
    public static func encode(
        event: StaticString, id: String?, retryMilliseconds: Int?, data: JSONWriter
    ) -> [UInt8] {
        var lines = JSONWriter(reserving: data.count + 128)
        lines.raw("event: ")
        lines.raw(event)
        if let id {
            let id = Array(id.utf8)
            precondition(id.allSatisfy { (0x21...0x7E).contains($0) }, "an id would break the framing")
            lines.raw("\nid: ")
            lines.raw(id)
        }
        if let retryMilliseconds {
            lines.raw("\nretry: ")
            lines.integer(max(0, retryMilliseconds))
        }
        lines.raw("\ndata: ")
        lines.raw(isOneLine(data.bytes) ? data.bytes : data.bytes.map { isLineEnd($0) ? 0x20 : $0 })
        lines.raw("\n\n")
        return lines.bytes
    }

    /// Without a way out at the first line end: there is none to be found, and whole vectors are compared.
    private static func isOneLine(_ bytes: [UInt8]) -> Bool {
        var found: UInt8 = 0
        for byte in bytes { found |= isLineEnd(byte) ? 1 : 0 }
        return found == 0
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
}
