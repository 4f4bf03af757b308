// The gateway as its own till: a stream over a real socket, read by a thread that may wait.

import Domain
import Events
import Glibc

/// The stream could not be had, or ended.
struct CanaryDeaf: Error, CustomStringConvertible {
    let description: String
    /// Its token is good for nothing any more.
    var isSignedOut = false
}

/// One open stream. Lives on the canary's lane; blocks.
final class CanaryStream {
    private let descriptor: Int32
    private var line: [UInt8] = []
    private var status = ""
    private var event = ""
    private var buffer = [UInt8](repeating: 0, count: 16_384)

    /// Opens it, and waits until it is live.
    ///
    /// - Throws: `CanaryDeaf`.
    init(_ address: LocalAddress, bearer: String, entity: EntityName, within limit: Duration) throws {
        guard let descriptor = address.connect(within: max(1, limit.wholeSeconds)) else {
            throw CanaryDeaf(description: "no connection: errno \(errno)")
        }
        self.descriptor = descriptor
        let request = Array(
            """
            GET /api/v1/sync/stream?entities=\(entity) HTTP/1.1\r
            Host: localhost\r
            User-Agent: tidings-canary\r
            Accept: text/event-stream\r
            Authorization: Bearer \(bearer)\r
            \r

            """.utf8)
        guard unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
        else { throw CanaryDeaf(description: "nothing could be sent: errno \(errno)") }
        guard try hear("ready", until: .now + limit, { _ in true }) else {
            throw CanaryDeaf(description: "no stream within \(limit)")
        }
    }

    deinit { close(descriptor) }

    /// Waits for a change at or beyond `seq`. False: the time was up.
    ///
    /// - Throws: `CanaryDeaf` when the stream ended.
    func hear(_ seq: Seq, until end: ContinuousClock.Instant) throws -> Bool {
        try hear("change", until: end) { data in
            guard let to = data.firstRange(of: "\"to\":") else { return false }
            return Int64(data[to.upperBound...].prefix { $0.isNumber }).map { $0 >= seq.rawValue } ?? false
        }
    }

    /// Whether the server has not ended it since the last change was heard. Reads what has come meanwhile.
    var isOpen: Bool {
        while true {
            let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return count < 0 && errno == EAGAIN }
            _ = take(count, "") { _ in false }
        }
    }

    private func hear(
        _ wanted: String, until end: ContinuousClock.Instant, _ isIt: (String) -> Bool
    ) throws -> Bool {
        while true {
            let left = (end - .now).milliseconds
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard left > 0, unsafe poll(&waiting, 1, Int32(clamping: left)) > 0 else { return false }
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw CanaryDeaf(description: "the stream ended") }
            if take(count, wanted, isIt) { return true }
            guard status.isEmpty || status == "200" else {
                throw CanaryDeaf(
                    description: "the stream is answered \(status)", isSignedOut: status == "401")
            }
        }
    }

    /// Reads the buffer's first bytes, line by line. Whether what is wanted was among them.
    private func take(_ count: Int, _ wanted: String, _ isIt: (String) -> Bool) -> Bool {
        var isFound = false
        for byte in buffer[..<count] {
            guard byte == 0x0A else {
                line.append(byte)
                continue
            }
            let text = String(decoding: line, as: UTF8.self)
            line.removeAll(keepingCapacity: true)
            if text.hasPrefix("HTTP/1.1 ") { status = String(text.dropFirst(9).prefix(3)) }
            if text.hasPrefix("event: ") { event = String(text.dropFirst(7)) }
            if text.hasPrefix("data: "), event == wanted, isIt(text) { isFound = true }
        }
        return isFound
    }
}
