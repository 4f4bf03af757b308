// A stream held open by a test, read event by event with a deadline.

import Foundation
import TidingsTesting

/// An open stream. Used by one thread at a time.
final class OpenStream {
    let socket: TillSocket
    let status: Int
    let fields: [String: String]
    private var parser: EventStreamParser
    private var waiting: [StreamEvent] = []
    private(set) var seen: [StreamEvent] = []
    private(set) var isAtEnd = false
    var retryMilliseconds: Int? { parser.retryMilliseconds }

    init(
        _ daemon: Daemon, token: String? = nil, lastEventID: String? = nil, query: String = "",
        headers more: [(String, String)] = [], receiveBuffer: Int32 = 0
    ) throws {
        socket = try TillSocket(port: daemon.port, receiveBuffer: receiveBuffer)
        var headers = [("Accept", "text/event-stream")] + more
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if let lastEventID { headers.append(("Last-Event-ID", lastEventID)) }
        try socket.request(
            "GET", "/api/v1/sync/stream" + (query.isEmpty ? "" : "?" + query), headers: headers)
        (status, fields) = try socket.readHead()
        parser = EventStreamParser(lastEventID: lastEventID ?? "")
    }

    /// The next event; nil at the end of the stream or of the time.
    func next(within seconds: Double = 30) throws -> StreamEvent? {
        let end = Date().addingTimeInterval(seconds)
        while waiting.isEmpty, !isAtEnd, end.timeIntervalSinceNow > 0 {
            guard let bytes = try socket.read(within: end.timeIntervalSinceNow) else { break }
            if bytes.isEmpty { isAtEnd = true }
            waiting += parser.receive(bytes)
        }
        guard !waiting.isEmpty else { return nil }
        seen.append(waiting[0])
        return waiting.removeFirst()
    }

    /// The next event of a type, passing over others.
    func next(_ type: String, within seconds: Double = 30) throws -> StreamEvent? {
        let end = Date().addingTimeInterval(seconds)
        while let event = try next(within: end.timeIntervalSinceNow) {
            if event.type == type { return event }
        }
        return nil
    }

    /// Reads on until the server has closed.
    func untilEnd(within seconds: Double = 30) throws -> Bool {
        let end = Date().addingTimeInterval(seconds)
        while !isAtEnd, end.timeIntervalSinceNow > 0 { _ = try next(within: end.timeIntervalSinceNow) }
        return isAtEnd
    }
}

extension StreamEvent {
    /// The data as an object.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(data.utf8))) as? [String: Any] ?? [:]
    }
    func number(_ name: String) -> Int64? { (json[name] as? NSNumber)?.int64Value }

    /// What a list of a delta holds.
    func list(_ entity: String, _ list: String) -> [Any] {
        ((json["data"] as? [String: Any])?[entity] as? [String: Any])?[list] as? [Any] ?? []
    }
}
