// A complete head, line by line: the request line, the fields, and what they say about the body.

/// Takes a head apart. A value; `head` ends with the blank line.
struct HeadReader {
    private let head: [UInt8]
    private var index = 0

    /// Others are 501 (RFC 9110 § 9.1), which ends the connection: parsers in front know other lists.
    private static let methods: Set = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    /// What may not stand in a trailer.
    static let framing: Set = ["transfer-encoding", "content-length", "host"]

    init(_ head: [UInt8]) { self.head = head }

    mutating func request(limits: ParserLimits) throws(ParseError) -> Request {
        var request = try Self.requestLine(line())
        while true {
            let line = try line()
            if line.isEmpty { break }
            guard request.fields.count < limits.fieldsMax else { throw .headTooLarge }
            request.fields.append(try Self.field(line))
        }
        let hosts = request.fields.lazy.filter { $0.name == "host" }.count
        guard hosts == 1 || (hosts == 0 && request.version == .http10) else {
            throw .bad("A request needs exactly one Host.")
        }
        if let host = request.header("host"), !host.utf8.allSatisfy(Self.isHostByte) {
            throw .bad("Host is malformed.")
        }
        return request
    }

    private mutating func line() throws(ParseError) -> ArraySlice<UInt8> {
        guard let newline = head[index...].firstIndex(of: 0x0A) else { throw .bad("A line does not end.") }
        guard newline > index, head[newline - 1] == 0x0D else { throw .bad("A line ends without CR.") }
        let line = head[index..<(newline - 1)]
        guard !line.contains(0x0D) else { throw .bad("A line holds a bare CR.") }
        index = newline + 1
        return line
    }

    private static func requestLine(_ line: ArraySlice<UInt8>) throws(ParseError) -> Request {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .bad("The request line is malformed.") }
        guard (1...32).contains(parts[0].count), parts[0].allSatisfy(isTokenByte) else {
            throw .bad("The method is malformed.")
        }
        var request = Request()
        request.method = String(decoding: parts[0], as: UTF8.self)
        guard methods.contains(request.method) else { throw .unknownMethod }
        request.version = try version(parts[2])
        guard !parts[1].isEmpty, parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .bad("The request target is malformed.")
        }
        request.target = try target(parts[1])
        return request
    }

    private static func version(_ bytes: ArraySlice<UInt8>) throws(ParseError) -> Request.Version {
        if bytes.elementsEqual("HTTP/1.1".utf8) { return .http11 }
        if bytes.elementsEqual("HTTP/1.0".utf8) { return .http10 }
        let text = Array(bytes)
        let isVersion =
            text.count == 8 && text.starts(with: "HTTP/".utf8) && (0x30...0x39).contains(text[5])
            && text[6] == 0x2E
            && (0x30...0x39).contains(text[7])
        if isVersion { throw .unsupportedVersion }
        throw .bad("The protocol version is malformed.")
    }

    /// Origin form, or the absolute form of http, which proxies may send. Nothing here is asked with `*`.
    private static func target(_ bytes: ArraySlice<UInt8>) throws(ParseError) -> RequestTarget {
        var rest = bytes
        for scheme in ["http://", "https://"] where rest.starts(with: scheme.utf8) {
            let authority = rest.dropFirst(scheme.utf8.count).prefix { $0 != 0x2F && $0 != 0x3F }
            guard !authority.isEmpty, authority.allSatisfy(isHostByte) else {
                throw .bad("The request target is malformed.")
            }
            rest = rest[authority.endIndex...]
            if rest.first != 0x2F { rest = ArraySlice("/".utf8) + rest }
        }
        guard rest.first == 0x2F, !rest.contains(0x23) else { throw .bad("The request target is malformed.") }
        return try RequestTarget(parsing: rest)
    }

    static func field(_ line: ArraySlice<UInt8>) throws(ParseError) -> Request.Field {
        guard let first = line.first, first != 0x20, first != 0x09 else {
            throw .bad("A header line is folded.")
        }
        guard let colon = line.firstIndex(of: 0x3A) else { throw .bad("A header line has no colon.") }
        let name = line[..<colon]
        guard !name.isEmpty, name.allSatisfy(isTokenByte) else { throw .bad("A header name is malformed.") }
        var value = line[(colon + 1)...]
        while let byte = value.first, byte == 0x20 || byte == 0x09 { value = value.dropFirst() }
        while let byte = value.last, byte == 0x20 || byte == 0x09 { value = value.dropLast() }
        guard value.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
            throw .bad("A header value holds control bytes.")
        }
        return Request.Field(
            name: String(decoding: name, as: UTF8.self).lowercased(),
            value: String(decoding: value, as: UTF8.self))
    }

    /// RFC 9110 § 5.6.2.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5B, 0x5D, 0x5F, 0x7E, 0x25: true
        default: false
        }
    }
}

/// How a body is delimited.
enum BodyFraming: Hashable {
    case none
    case length(Int)
    case chunked
}

extension Request {
    func framing(bodyBytesMax: Int) throws(ParseError) -> BodyFraming {
        let lengths = fields.filter { $0.name == "content-length" }
        let codings = fields.filter { $0.name == "transfer-encoding" }
        if !codings.isEmpty {
            guard lengths.isEmpty else { throw .bad("Content-Length stands beside Transfer-Encoding.") }
            guard version == .http11 else { throw .bad("HTTP/1.0 has no Transfer-Encoding.") }
            guard codings.count == 1, codings[0].value.lowercased() == "chunked" else {
                throw codings.count == 1 && codings[0].value.utf8.allSatisfy(HeadReader.isTokenByte)
                    && !codings[0].value.isEmpty
                    ? .unknownTransferCoding : .bad("Transfer-Encoding is malformed.")
            }
            return .chunked
        }
        guard let length = lengths.first else { return .none }
        guard lengths.count == 1, (1...18).contains(length.value.utf8.count),
            length.value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(length.value)
        else { throw .bad("Content-Length is malformed.") }
        guard count <= bodyBytesMax else { throw .bodyTooLarge }
        return count == 0 ? .none : .length(count)
    }
}
