// What every answer carries: Date, X-Server-Timestamp, X-Request-Id.

import Domain
public import Lanes

/// Stamps the answers of one loop. Lives on that loop.
public final class AnswerStamp {
    private let clock: WallClock
    private let prefix: String
    private var count = 0
    private var date: (second: Int64, text: String) = (-1, "")

    /// - Parameter prefix: Different for every loop and start, so that ids are unique over restarts.
    public init(clock: WallClock, prefix: String) {
        self.clock = clock
        self.prefix = prefix
    }

    /// The next id; never taken from the client.
    public func nextRequestID() -> String {
        count += 1
        return "\(prefix)-\(String(count, radix: 36))"
    }

    func fields(requestID: String) -> [(name: String, value: String)] {
        let now = clock.now
        let second = now.microseconds / 1_000_000
        if date.second != second { date = (second, HTTPDate.text(now)) }
        return [
            ("Date", date.text), ("X-Server-Timestamp", now.description), ("X-Request-Id", requestID),
        ]
    }
}

extension Response {
    /// What a request that could not be parsed is answered.
    static func refusal(_ error: ParseError) -> Response {
        switch error {
        case .malformed(let reason): .error(400, "bad_request", reason.text)
        case .lineTooLong: .error(414, "uri_too_long", "The request line is too long.")
        case .headTooLarge: .error(431, "headers_too_large", "The request head is too large.")
        case .bodyTooLarge: .error(413, "content_too_large", "The request body is too large.")
        case .unknownMethod: .error(501, "not_implemented", "This method is not known here.")
        case .unknownTransferCoding:
            .error(501, "not_implemented", "Only chunked transfer coding is understood.")
        case .unsupportedVersion: .error(505, "http_version", "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
        }
    }

    var closesConnection: Bool {
        fields.contains { $0.name.lowercased() == "connection" && $0.value.lowercased() == "close" }
    }
}
