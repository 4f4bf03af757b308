// One server-sent event as bytes, WHATWG HTML § 9.2. The only place where events are framed: whatever the
// data, it stays one event. CR, LF and CRLF inside data begin another `data:` line; an id or event name that
// could end a line or spoil the id (NUL makes Firefox lose the whole event) never reaches the wire.

/// Frames events.
public enum ServerSentEvent {
    /// The bytes of one event, its blank line included.
    ///
    /// - Parameters:
    ///   - event: The type; visible ASCII.
    ///   - id: What the client will present as `Last-Event-ID`; nil leaves its position alone. Visible ASCII.
    ///   - retryMilliseconds: When the client should come back after the stream ends; digits only on the wire
    ///     (WebKit obeys `9000x`).
    ///   - data: UTF-8. JSON written by `JSONWriter` is always one line.
    /// - Precondition: `event` and `id` are visible ASCII: they are ours or parsed
    ///   tokens, never a client's text.
    public static func encode(event: String, id: String?, retryMilliseconds: Int?, data: [UInt8]) -> [UInt8] {
        precondition(isPlain(event) && isPlain(id ?? ""), "an id or event name would break the framing")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.count + event.utf8.count + (id?.utf8.count ?? 0) + 48)
        append("event: ", event, to: &bytes)
        if let id { append("id: ", id, to: &bytes) }
        if let retryMilliseconds { append("retry: ", String(max(0, retryMilliseconds)), to: &bytes) }
        append(data: data, to: &bytes)
        bytes.append(0x0A)
        return bytes
    }

    private static func append(_ field: String, _ value: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: field.utf8)
        bytes.append(contentsOf: value.utf8)
        bytes.append(0x0A)
    }

    private static func append(data: [UInt8], to bytes: inout [UInt8]) {
        let prefix = Array("data: ".utf8)
        bytes.append(contentsOf: prefix)
        if !data.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
            bytes.append(contentsOf: data)
            return bytes.append(0x0A)
        }
        var previous: UInt8 = 0
        for byte in data {
            let isSecondHalf = byte == 0x0A && previous == 0x0D
            previous = byte
            if isSecondHalf { continue }
            bytes.append(byte == 0x0D ? 0x0A : byte)
            if byte == 0x0A || byte == 0x0D { bytes.append(contentsOf: prefix) }
        }
        bytes.append(0x0A)
    }

    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
