// Requests, JSON and sync tokens written anew, in the plainest form there is.

import Domain
import HTTP

/// A request as bytes: a length instead of chunks, every doubtful byte of the target escaped.
struct WrittenRequest {
    let bytes: [UInt8]

    init(_ request: Request) {
        var text = "\(request.method) \(Self.target(request.target)) "
        text += request.version == .http11 ? "HTTP/1.1\r\n" : "HTTP/1.0\r\n"
        for field in Self.unframed(request) { text += "\(field.name): \(field.value)\r\n" }
        if !request.body.isEmpty { text += "content-length: \(request.body.count)\r\n" }
        bytes = Array((text + "\r\n").utf8) + request.body
    }

    /// The fields that say nothing of how the body was delimited.
    static func unframed(_ request: Request) -> [Request.Field] {
        request.fields.filter { !["content-length", "transfer-encoding", "expect"].contains($0.name) }
    }

    private static func target(_ target: RequestTarget) -> String {
        let items = target.query.map { escaped($0.name) + "=" + escaped($0.value) }
        return escaped(target.path) + (items.isEmpty ? "" : "?" + items.joined(separator: "&"))
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x2F, 0x30...0x39, 0x41...0x5A, 0x61...0x7A: String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }.joined()
    }
}

/// A JSON value as bytes.
struct WrittenJSON {
    private(set) var bytes: [UInt8] = []

    init(_ value: JSONValue) { write(value) }

    private mutating func write(_ value: JSONValue) {
        switch value {
        case .null: bytes += Array("null".utf8)
        case .boolean(let isTrue): bytes += Array((isTrue ? "true" : "false").utf8)
        case .number(let text): bytes += Array(text.utf8)
        case .string(let text): write(text)
        case .array(let elements):
            bytes.append(0x5B)
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(0x2C) }
                write(element)
            }
            bytes.append(0x5D)
        case .object(let members):
            bytes.append(0x7B)
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(0x2C) }
                write(member.name)
                bytes.append(0x3A)
                write(member.value)
            }
            bytes.append(0x7D)
        }
    }

    private mutating func write(_ text: String) {
        var json = JSONWriter()
        json.string(text)
        bytes += json.bytes
    }
}

extension ParserPromises {
    /// The sync token's: never a trap; one text for each token; what is shown is what was read.
    public static func brokenBySyncToken(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard case .token(let token) = SyncToken.parse(text) else { return nil }
        if token.text != text { return "a token has two spellings" }
        return token.base > token.pos ? "a round that begins behind its position" : nil
    }
}
