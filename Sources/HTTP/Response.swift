// An answer as a value, and its bytes.

public import Domain

/// What is sent back.
public struct Response: Sendable {
    /// What follows the head.
    public enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// A file without a name, sent by the kernel. `owner` keeps it open.
        case file(descriptor: Int32, length: Int, owner: any Sendable & AnyObject)

        public var length: Int {
            switch self {
            case .none: 0
            case .bytes(let bytes): bytes.count
            case .file(_, let length, _): length
            }
        }
    }

    public var status: Int
    /// In the order they are sent; names as they are sent.
    public var fields: [(name: String, value: String)]
    public var body: Body
    /// What a conditional request compares; nil: nothing.
    public var validators: Validators?
    /// Handed back to the responder once the answer was written; the client sees nothing of it.
    public var receipt: (any Sendable)?
    /// Let go of once the answer was written or given up: its place in a count.
    public var place: (any Sendable & AnyObject)?

    public init(status: Int, fields: [(name: String, value: String)] = [], body: Body = .none) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// JSON that is encoded already.
    public static func json(
        _ bytes: [UInt8], status: Int = 200, fields: [(name: String, value: String)] = []
    ) -> Response {
        Response(status: status, fields: [("Content-Type", "application/json")] + fields, body: .bytes(bytes))
    }

    /// `{"message":…,"error":…}`, the shape of every refusal.
    ///
    /// - Parameter error: The stable code.
    public static func error(
        _ status: Int, _ error: String, _ message: String, fields: [(name: String, value: String)] = []
    ) -> Response {
        var json = JSONWriter()
        json.raw("{\"message\":")
        json.string(message)
        json.raw(",\"error\":")
        json.string(error)
        json.byte(0x7D)
        return .json(json.bytes, status: status, fields: fields)
    }

    /// 422 in the shape Laravel's clients expect.
    ///
    /// - Precondition: There is at least one failure.
    public static func invalid(_ failures: [(field: String, message: String)]) -> Response {
        precondition(!failures.isEmpty)
        var message = failures[0].message
        let more = failures.count - 1
        if more > 0 { message += " (and \(more) more error\(more == 1 ? "" : "s"))" }
        var json = JSONWriter()
        json.raw("{\"message\":")
        json.string(message)
        json.raw(",\"error\":\"validation_failed\",\"errors\":")
        json.errors(failures)
        json.byte(0x7D)
        return .json(json.bytes, status: 422)
    }

    /// Status line and fields, with the blank line.
    ///
    /// - Parameter framed: Whether `Content-Length` is said; a stream is delimited by its end instead.
    public func head(framed: Bool = true) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(512)
        out.append(contentsOf: "HTTP/1.1 \(status) \(Self.phrase(status))\r\n".utf8)
        for (name, value) in fields {
            precondition(
                value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a header value would break the head")
            out.append(contentsOf: name.utf8)
            out.append(contentsOf: ": ".utf8)
            out.append(contentsOf: value.utf8)
            out.append(contentsOf: "\r\n".utf8)
        }
        if framed, status != 204, status != 304, status >= 200 {
            out.append(contentsOf: "Content-Length: \(body.length)\r\n".utf8)
        }
        out.append(contentsOf: "\r\n".utf8)
        return out
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

extension JSONWriter {
    /// `{"field":["…"]}`, fields in the order of their first failure.
    ///
    /// - Complexity: Quadratic; callers bound the failures.
    public mutating func errors(_ failures: [(field: String, message: String)]) {
        byte(0x7B)
        var seen: [String] = []
        for failure in failures where !seen.contains(failure.field) {
            if !seen.isEmpty { byte(0x2C) }
            seen.append(failure.field)
            name(failure.field)
            byte(0x5B)
            for (index, entry) in failures.filter({ $0.field == failure.field }).enumerated() {
                if index > 0 { byte(0x2C) }
                string(entry.message)
            }
            byte(0x5D)
        }
        byte(0x7D)
    }
}
