// Server-sent events as a client must read them: WHATWG HTML § 9.2.6, to the letter. Independent of how the
// server writes them. A value; bytes may be split anywhere.

/// One dispatched event.
public struct StreamEvent: Hashable, Sendable {
    public var type: String
    public var data: String
    /// The last event id at the time of dispatch: what a reconnecting client presents.
    public var lastEventID: String
    /// Whether this very event carried an id.
    public var carriedID: Bool

    public init(type: String, data: String, lastEventID: String, carriedID: Bool) {
        self.type = type
        self.data = data
        self.lastEventID = lastEventID
        self.carriedID = carriedID
    }
}

/// Takes bytes, yields events.
public struct EventStreamParser: Sendable {
    private var line: [UInt8] = []
    private var sawCR = false
    private var isFirstLine = true
    private var data: [UInt8] = []
    private var hasData = false
    private var type = ""
    private var idBuffer = ""
    private var carriedID = false
    public private(set) var retryMilliseconds: Int?

    public init(lastEventID: String = "") { idBuffer = lastEventID }

    /// Events that these bytes complete.
    public mutating func receive(_ bytes: some Sequence<UInt8>) -> [StreamEvent] {
        var events: [StreamEvent] = []
        for byte in bytes {
            if sawCR, byte == 0x0A {
                sawCR = false
                continue
            }
            sawCR = byte == 0x0D
            if byte == 0x0A || byte == 0x0D {
                if let event = endLine() { events.append(event) }
            } else {
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> StreamEvent? {
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        defer { line.removeAll() }
        if line.isEmpty { return dispatch() }
        if line[0] == 0x3A { return nil }
        let colon = line.firstIndex(of: 0x3A) ?? line.count
        var value = colon < line.count ? Array(line[(colon + 1)...]) : []
        if value.first == 0x20 { value.removeFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": type = String(decoding: value, as: UTF8.self)
        case "data":
            data += value + [0x0A]
            hasData = true
        case "id" where !value.contains(0):
            idBuffer = String(decoding: value, as: UTF8.self)
            carriedID = true
        case "retry" where !value.isEmpty && value.allSatisfy({ (0x30...0x39).contains($0) }):
            retryMilliseconds = Int(String(decoding: value, as: UTF8.self))
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> StreamEvent? {
        defer {
            data = []
            hasData = false
            type = ""
            carriedID = false
        }
        guard hasData else { return nil }
        data.removeLast()
        return StreamEvent(
            type: type.isEmpty ? "message" : type, data: String(decoding: data, as: UTF8.self),
            lastEventID: idBuffer,
            carriedID: carriedID)
    }
}
