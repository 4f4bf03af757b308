// Whether a stream comes through a public URL as it was written: read by curl, which speaks TLS and HTTP/2,
// and judged by when each event arrives. The token goes to curl by its standard input, where no process list
// shows it.

import Foundation

/// A stream as it arrived. A value.
struct ArrivedStream {
    var head: [String] = []
    /// Types of events, and seconds since the request when each was whole.
    var events: [(type: String, at: Double, data: String)] = []
    /// When curl ended, and how: 28 is its own time limit.
    var ended = (at: 0.0, status: Int32(0))
    var complaint = ""

    private var line: [UInt8] = []
    private var isInHead = true
    private var (type, data) = ("message", "")

    func field(_ name: String) -> String? {
        for line in head where line.lowercased().hasPrefix(name + ":") {
            return line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
        }
        return nil
    }

    /// `HTTP/2 200`: version and status.
    var status: (version: String, code: Int)? {
        let words = head.first?.split(separator: " ") ?? []
        guard words.count >= 2, let code = Int(words[1]) else { return nil }
        return (String(words[0]), code)
    }

    mutating func receive(_ bytes: Data, at seconds: Double) {
        for byte in bytes {
            guard byte == 0x0A else {
                line.append(byte)
                continue
            }
            if line.last == 0x0D { line.removeLast() }
            take(String(decoding: line, as: UTF8.self), at: seconds)
            line.removeAll(keepingCapacity: true)
        }
    }

    private mutating func take(_ line: String, at seconds: Double) {
        if isInHead {
            if line.isEmpty { isInHead = false } else { head.append(line) }
        } else if line.isEmpty {
            if !data.isEmpty { events.append((type, seconds, data)) }
            (type, data) = ("message", "")
        } else if line.hasPrefix("event: ") {
            type = String(line.dropFirst(7))
        } else if line.hasPrefix("data: ") {
            data += line.dropFirst(6)
        }
    }
}

/// Opens a stream through a URL, watches it, and says what the way does to it.
struct WayCheck {
    let url: String
    let token: String
    /// A certificate authority of one's own.
    let authority: String?
    let seconds: Int

    func findings() throws -> [Finding] { judged(try arrived()) }

    private func arrived() throws -> ArrivedStream {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        curl.arguments = ["curl", "-K", "-"]
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        (curl.standardInput, curl.standardOutput, curl.standardError) = (input, output, errors)
        let begun = ContinuousClock.now
        var stream = ArrivedStream()
        func elapsed() -> Double { (ContinuousClock.now - begun) / .seconds(1) }
        try curl.run()
        input.fileHandleForWriting.write(Data(options.utf8))
        try input.fileHandleForWriting.close()
        while case let bytes = output.fileHandleForReading.availableData, !bytes.isEmpty {
            stream.receive(bytes, at: elapsed())
        }
        curl.waitUntilExit()
        stream.complaint = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        stream.ended = (elapsed(), curl.terminationStatus)
        return stream
    }

    /// As `curl -K` reads them.
    private var options: String {
        func quoted(_ text: String) -> String {
            let safe = text.filter { $0 != "\n" && $0 != "\r" }
            return "\"" + safe.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        return """
            url = \(quoted(base + "/api/v1/sync/stream"))
            silent
            show-error
            include
            no-buffer
            http2
            max-time = \(seconds)
            header = \(quoted("Authorization: Bearer \(token)"))
            header = "Accept: text/event-stream"
            header = "Accept-Encoding: gzip, br"
            compressed
            \(authority.map { "cacert = \(quoted($0))" } ?? "")

            """
    }

    // MARK: Judging

    private func judged(_ stream: ArrivedStream) -> [Finding] {
        guard let (version, code) = stream.status else {
            return [silent(stream)]
        }
        guard code == 200 else { return [refused(code)] }
        var findings: [Finding] = [
            version.hasPrefix("HTTP/2") || version.hasPrefix("HTTP/3")
                ? .fine("way: version", version)
                : .note(
                    "way: version", "\(version): browsers open at most six connections to a host over it",
                    "Switch HTTP/2 on at the proxy (config/proxy/).")
        ]
        findings += fields(stream)
        findings.append(first(stream))
        if !stream.events.isEmpty { findings += [heartbeats(stream), cut(stream)] }
        return findings
    }

    private func silent(_ stream: ArrivedStream) -> Finding {
        if stream.ended.status == 28 { return buffered("nothing came within \(seconds) s, not even a head") }
        return .broken(
            "way: open", "\(url): \(stream.complaint.isEmpty ? "no answer" : stream.complaint)",
            "Is the name right, does the proxy run, does its certificate fit (--authority for one of your own)?"
        )
    }

    private func buffered(_ what: String) -> Finding {
        .broken(
            "way: buffering", what + ": something on the way keeps what is written",
            "Switch response buffering off for /api/v1/sync/stream: nginx proxy_buffering off; (and no "
                + "proxy_ignore_headers X-Accel-Buffering), Apache flushpackets=on, Caddy flush_interval -1, "
                + "a CDN or scanner: exempt the path. Tills fall back to polling meanwhile.")
    }

    private func refused(_ code: Int) -> Finding {
        let why =
            switch code {
            case 401, 403: "The token does not count here: give a reading one by --token-file."
            case 404: "The path is not passed on: the proxy must hand /api/v1/ to the gateway unchanged."
            case 502, 503, 504: "The proxy does not reach the gateway: look at its upstream address."
            default: "Look at the proxy's error log."
            }
        return .broken("way: open", "\(url) answers \(code)", why)
    }

    private func fields(_ stream: ArrivedStream) -> [Finding] {
        var findings: [Finding] = []
        if let coding = stream.field("content-encoding") {
            findings.append(
                .broken(
                    "way: compression", "the stream comes as \(coding): events wait in the compressor",
                    "Leave text/event-stream out of what is compressed: nginx gzip off; Apache SetEnv no-gzip 1, "
                        + "Caddy no `encode` for this path."))
        } else {
            findings.append(.fine("way: compression", "none"))
        }
        let type = stream.field("content-type") ?? "none"
        if !type.hasPrefix("text/event-stream") {
            findings.append(
                .broken(
                    "way: type", "Content-Type is \(type)",
                    "This is not the gateway's answer: another page stands at this address."))
        }
        if !(stream.field("cache-control") ?? "").contains("no-transform") {
            findings.append(
                .warning(
                    "way: cache", "Cache-Control: no-transform was taken away",
                    "Let the proxy pass Cache-Control on: what stands behind it may compress otherwise."))
        }
        if stream.field("x-accel-buffering") == nil {
            findings.append(
                .note(
                    "way: header", "X-Accel-Buffering was taken away, as nginx does when it has obeyed it",
                    "A second nginx behind this one would buffer: it needs proxy_buffering off of its own."))
        }
        return findings
    }

    /// What the gateway writes at once.
    private static let firstEventMax = 3.0

    private func first(_ stream: ArrivedStream) -> Finding {
        guard let first = stream.events.first else {
            return buffered("the head came, and no event within \(Int(stream.ended.at)) s")
        }
        let text = "the first event came after \(Int(first.at * 1_000)) ms"
        return first.at <= Self.firstEventMax ? .fine("way: buffering", text) : buffered(text)
    }

    private func heartbeats(_ stream: ArrivedStream) -> Finding {
        let hello = stream.events.first { $0.type == "hello" }
        let json = (hello?.data).flatMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
        }
        let expected = (json?["heartbeat_seconds"] as? Double) ?? 15
        let times = stream.events.map(\.at) + [stream.ended.at]
        let gap = zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
        if gap > expected * 1.5 + 2 {
            return buffered(
                "nothing came for \(Int(gap)) s, though a heartbeat is written each \(Int(expected)) s")
        }
        let count = stream.events.count { $0.type == "heartbeat" }
        return count > 0
            ? .fine("way: heartbeats", "\(count) came, none late")
            : .note(
                "way: heartbeats", "too short a look to see one",
                "Look for longer than \(Int(expected)) s: --seconds \(Int(expected * 3)).")
    }

    private func cut(_ stream: ArrivedStream) -> Finding {
        if let bye = stream.events.last, bye.type == "bye" {
            return .note("way: cut", "the gateway itself said goodbye: \(bye.data)")
        }
        return stream.ended.status == 28
            ? .fine("way: cut", "open for \(seconds) s")
            : .broken(
                "way: cut", "cut after \(Int(stream.ended.at)) s. \(stream.complaint)",
                "Raise the idle and total times of what stands between (nginx proxy_read_timeout, HAProxy timeout "
                    + "server and client, a load balancer's idle timeout) above twice stream.heartbeat; or "
                    + "lower that."
            )
    }
}
