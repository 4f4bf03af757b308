// Bytes to requests, without I/O: the same result however the bytes are split. Strict on purpose. Whatever
// two parsers could read differently is refused, because a proxy in front may be the other one: bare LF or
// CR, NUL and control bytes, a space before a colon, folded lines, a missing or second Host, a Content-Length
// that is repeated, a list or signed, Content-Length beside Transfer-Encoding, any transfer coding but
// `chunked`, any version but 1.0 and 1.1. After an error the connection is closed: nobody knows where the
// next request begins. RFC 9112; RFC 9110 § 5.5, 5.6.2.

/// Why a request is refused before anyone looks at what it asks for.
public enum ParseError: Error, Hashable, Sendable {
    case malformed(StaticReason)
    case lineTooLong
    case headTooLarge
    case bodyTooLarge
    case unknownMethod
    case unknownTransferCoding
    case unsupportedVersion

    /// A fixed text: nothing of the request is ever repeated.
    public struct StaticReason: Hashable, Sendable {
        public let text: String
        init(_ text: StaticString) { self.text = text.description }
    }

    /// The status of the answer.
    public var status: Int {
        switch self {
        case .malformed: 400
        case .lineTooLong: 414
        case .headTooLarge: 431
        case .bodyTooLarge: 413
        case .unknownMethod, .unknownTransferCoding: 501
        case .unsupportedVersion: 505
        }
    }

    static func bad(_ text: StaticString) -> ParseError { .malformed(StaticReason(text)) }
}

/// Bounds of what is held for one request.
public struct ParserLimits: Hashable, Sendable {
    public var requestLineBytesMax = 8 * 1_024
    public var headBytesMax = 16 * 1_024
    public var fieldsMax = 64
    public var bodyBytesMax = 1_024 * 1_024
    public var chunkLineBytesMax = 256
    /// Chunk extensions and trailers of one body together: they are dropped, and cost all the same.
    public var droppedBytesMax = 16 * 1_024

    public init() {}
}

/// Takes bytes and yields requests, one after another. A value.
public struct RequestParser: Sendable {
    /// Where the reading stands.
    public enum Progress: Hashable, Sendable {
        case needsMore
        /// The head is complete and asks whether to send its body (`Expect: 100-continue`). Said once.
        case expectsContinue
        case request(Request)
    }

    private enum State: Sendable {
        case head
        case body(remaining: Int)
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers
        case failed(ParseError)
    }

    private let limits: ParserLimits
    private var state = State.head
    private var buffer = ReceiveBuffer()
    /// How far `buffer` was searched for the end of the head.
    private var searched = 0
    private var hasSkippedLine = false
    private var request = Request()
    /// Whether `request` has its head.
    private var hasHead = false
    private var announcesContinue = false
    /// Chunk extensions and trailers so far.
    private var droppedBytes = 0

    public init(limits: ParserLimits = ParserLimits()) { self.limits = limits }

    /// Whether the first byte of a request has arrived and its head has not ended.
    public var isInHead: Bool {
        if case .head = state { !buffer.isEmpty } else { false }
    }

    /// Whether a body is being received.
    public var isInBody: Bool {
        switch state {
        case .head, .failed: false
        default: true
        }
    }

    /// The head of the request whose body is being received, or which was refused for what came after it.
    public var head: Request? { hasHead ? request : nil }

    /// Bytes received and not yet used.
    public var bufferedBytes: Int { buffer.count }

    /// The same and the body so far.
    public var heldBytes: Int { buffer.count + request.body.count }

    /// Adds bytes; then ask `next` until it needs more.
    public mutating func receive(_ bytes: Span<UInt8>) { buffer.append(bytes) }

    /// The next thing the received bytes amount to.
    ///
    /// - Throws: What is wrong; the same again ever after.
    public mutating func next() throws(ParseError) -> Progress {
        do {
            while true {
                if let progress = try step() { return progress }
            }
        } catch {
            state = .failed(error)
            buffer = ReceiveBuffer()
            request.body = []
            throw error
        }
    }

    /// One step; nil: go on.
    private mutating func step() throws(ParseError) -> Progress? {
        switch state {
        case .failed(let error): throw error
        case .head: return try readHead()
        case .body(let remaining):
            let left = take(upTo: remaining)
            state = .body(remaining: left)
            return left == 0 ? finish() : continueOrWait()
        case .chunkSize: return try readChunkSize()
        case .chunkData(let remaining):
            let left = take(upTo: remaining)
            state = left == 0 ? .chunkEnd : .chunkData(remaining: left)
            return left == 0 ? nil : continueOrWait()
        case .chunkEnd:
            guard buffer.count >= 2 else {
                if buffer.count == 1, buffer[0] != 0x0D {
                    throw .bad("A chunk does not end where it should.")
                }
                return .needsMore
            }
            guard buffer[0] == 0x0D, buffer[1] == 0x0A else {
                throw .bad("A chunk does not end where it should.")
            }
            drop(2)
            state = .chunkSize
            return nil
        case .trailers: return try readTrailers()
        }
    }

    private mutating func continueOrWait() -> Progress {
        guard announcesContinue else { return .needsMore }
        announcesContinue = false
        return .expectsContinue
    }

    private mutating func finish() -> Progress {
        defer {
            request = Request()
            hasHead = false
            announcesContinue = false
            hasSkippedLine = false
            droppedBytes = 0
            state = .head
        }
        return .request(request)
    }

    private mutating func drop(_ count: Int) {
        buffer.drop(count)
        searched = 0
    }

    private mutating func take(upTo count: Int) -> Int {
        let taken = min(count, buffer.count)
        if taken > 0 {
            request.body.append(contentsOf: buffer.prefix(taken))
            drop(taken)
            announcesContinue = false
        }
        return count - taken
    }

    // MARK: Head

    private mutating func readHead() throws(ParseError) -> Progress? {
        // RFC 9112 § 2.2: an empty line before a request line is ignored, one of them.
        if !hasSkippedLine, buffer.count >= 2, buffer[0] == 0x0D, buffer[1] == 0x0A {
            drop(2)
            hasSkippedLine = true
        }
        guard let end = try endOfHead() else { return .needsMore }
        let head = Array(buffer.prefix(end))
        drop(end)
        var fields = HeadReader(head)
        request = try fields.request(limits: limits)
        hasHead = true
        let framing = try request.framing(bodyBytesMax: limits.bodyBytesMax)
        announcesContinue =
            request.header("expect")?.lowercased() == "100-continue" && request.version == .http11
        switch framing {
        case .none: return finish()
        case .length(let count): state = .body(remaining: count)
        case .chunked: state = .chunkSize
        }
        return nil
    }

    /// The index behind the blank line; nil while it has not come. Bounds are checked as bytes arrive, so
    /// that a head which never ends costs no more than its limit.
    private mutating func endOfHead() throws(ParseError) -> Int? {
        var index = searched
        while index < buffer.count {
            if buffer[index] == 0x0A {
                guard index > 0, buffer[index - 1] == 0x0D else { throw .bad("A line ends without CR.") }
                if index >= 3, buffer[index - 2] == 0x0A {
                    try checkLengths(headEnd: index + 1)
                    return index + 1
                }
            }
            index += 1
        }
        searched = buffer.count
        try checkLengths(headEnd: nil)
        return nil
    }

    private func checkLengths(headEnd: Int?) throws(ParseError) {
        let seen = headEnd ?? buffer.count
        if seen >= limits.requestLineBytesMax,
            buffer.firstIndex(of: 0x0A, limit: limits.requestLineBytesMax) == nil
        {
            throw .lineTooLong
        }
        if seen > limits.headBytesMax { throw .headTooLarge }
    }

    // MARK: Chunks

    private mutating func readChunkSize() throws(ParseError) -> Progress? {
        guard let length = try lineLength() else { return continueOrWait() }
        announcesContinue = false
        let line = buffer.prefix(length)
        let digits = line.prefix { $0 != 0x3B }
        guard (1...8).contains(digits.count) else { throw .bad("A chunk size is malformed.") }
        var size = 0
        for digit in digits {
            guard let value = Self.hexValue(digit) else { throw .bad("A chunk size is malformed.") }
            size = size << 4 | value
        }
        guard ChunkExtensions.areWellFormed(line.dropFirst(digits.count)) else {
            throw .bad("A chunk extension is malformed.")
        }
        guard request.body.count + size <= limits.bodyBytesMax else { throw .bodyTooLarge }
        try noteDropped(length - digits.count)
        drop(length + 2)
        state = size == 0 ? .trailers : .chunkData(remaining: size)
        return nil
    }

    /// Trailers are read to find the end, and dropped: merging them into the head is a known way to smuggle.
    /// Those that speak of framing are refused, as others do. RFC 9110 § 6.5.1.
    private mutating func readTrailers() throws(ParseError) -> Progress? {
        guard let length = try lineLength() else { return .needsMore }
        if length > 0, HeadReader.framing.contains(try HeadReader.field(buffer.prefix(length)).name) {
            throw .bad("A trailer speaks of framing.")
        }
        try noteDropped(length)
        drop(length + 2)
        return length == 0 ? finish() : nil
    }

    private mutating func noteDropped(_ count: Int) throws(ParseError) {
        droppedBytes += count
        guard droppedBytes <= limits.droppedBytesMax else {
            throw .bad("Chunk extensions and trailers are too long.")
        }
    }

    /// The length of the line that comes next, without its CRLF; nil while that has not come.
    private func lineLength() throws(ParseError) -> Int? {
        guard let newline = buffer.firstIndex(of: 0x0A, limit: limits.chunkLineBytesMax + 1) else {
            if buffer.count > limits.chunkLineBytesMax { throw .bad("A chunk line is too long.") }
            return nil
        }
        guard newline > 0, buffer[newline - 1] == 0x0D else { throw .bad("A line ends without CR.") }
        guard !buffer.prefix(newline - 1).contains(0x0D) else { throw .bad("A line holds a bare CR.") }
        return newline - 1
    }

    static func hexValue(_ digit: UInt8) -> Int? {
        switch digit {
        case 0x30...0x39: Int(digit) - 0x30
        case 0x41...0x46: Int(digit) - 0x41 + 10
        case 0x61...0x66: Int(digit) - 0x61 + 10
        default: nil
        }
    }
}
