// HTTP/1.1 over a blocking socket, as a till's own library would do it: requests with an answer, and streams
// read at any pace, cut at any byte. Deadlines everywhere; nothing of Foundation's networking.

public import Foundation
import Glibc

/// Something went wrong on the way.
public struct SocketFailure: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// An HTTP answer.
public struct Answer: Sendable {
    public let status: Int
    public let fields: [String: String]
    public let body: Data

    public var json: [String: Any]? { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] }
}

/// One connection to a gateway. Lives on the thread of its test.
public final class TillSocket {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 65_536)

    /// Connects to loopback.
    ///
    /// - Parameter receiveBuffer: Bytes the kernel holds for us; small for slow readers.
    public init(port: UInt16, receiveBuffer: Int32 = 0) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SocketFailure(description: "socket: errno \(errno)") }
        if receiveBuffer > 0 {
            var size = receiveBuffer
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, size)
            }
        }
        // Throwing here runs deinit, which closes: closing it here too would close another thread's socket.
        guard connected == 0 else { throw SocketFailure(description: "connect: errno \(errno)") }
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    /// Ends with RST instead of FIN when it is closed.
    public func resetOnClose() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    }

    /// From here on like a peer whose machine lost its power: whatever comes is neither acknowledged nor
    /// refused. A socket filter of one instruction ("drop it", BPF_RET) stands before the kernel's TCP.
    public func vanish() throws {
        var instruction: UInt64 = 0x06
        let result = unsafe withUnsafePointer(to: &instruction) { pointer in
            // struct sock_fprog: how many instructions, and where.
            var program = unsafe (length: UInt16(1), instructions: UnsafeRawPointer(pointer))
            return unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                socklen_t(MemoryLayout.size(ofValue: program)))
        }
        guard result == 0 else { throw SocketFailure(description: "SO_ATTACH_FILTER: errno \(errno)") }
    }

    public func write(_ text: String) throws { try write(Array(text.utf8)) }

    public func write(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let offset = done
            let sent = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset,
                    Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw SocketFailure(description: "send: errno \(errno)") }
            done += sent
        }
    }

    /// Sends what the kernel takes now: how much that is, or nil when the connection is gone.
    public func offer(_ bytes: [UInt8]) -> Int? {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        let sent = unsafe bytes.withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, flags) }
        if sent >= 0 { return sent }
        return errno == EAGAIN || errno == EINTR ? 0 : nil
    }

    /// Passes over what has arrived. Whether the other side has ended, in whichever way.
    public func isAtEnd() -> Bool {
        while true {
            guard let bytes = try? read(within: 0) else { return errno != EAGAIN && errno != 0 && isBroken() }
            if bytes.isEmpty { return true }
        }
    }

    /// Whether the connection is gone, without reading anything.
    public func isBroken() -> Bool {
        var polled = pollfd(fd: descriptor, events: 0, revents: 0)
        return unsafe poll(&polled, 1, 0) > 0
    }

    /// Sends a request for `target`.
    public func request(
        _ method: String = "GET", _ target: String, headers: [(String, String)] = [], body: Data? = nil
    ) throws {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        try write(Array((head + "\r\n").utf8) + (body.map { Array($0) } ?? []))
    }

    /// The next bytes; empty at the end of the stream; nil when none came in time.
    ///
    /// - Parameter atMost: Fewer for slow readers.
    public func read(within seconds: Double, atMost: Int = 65_536) throws -> [UInt8]? {
        if !buffer.isEmpty {
            let taken = Array(buffer.prefix(atMost))
            buffer.removeFirst(taken.count)
            return taken
        }
        return try receive(within: seconds, atMost: atMost)
    }

    private func receive(within seconds: Double, atMost: Int = 65_536) throws -> [UInt8]? {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let ready = unsafe poll(&polled, 1, Int32(max(0, seconds) * 1_000))
        guard ready > 0 else { return nil }
        let count = unsafe recv(descriptor, &chunk, min(atMost, chunk.count), 0)
        guard count >= 0 else { throw SocketFailure(description: "recv: errno \(errno)") }
        return Array(chunk[..<count])
    }

    /// Reads status line and fields.
    public func readHead(within seconds: Double = 30) throws -> (status: Int, fields: [String: String]) {
        let end = Date().addingTimeInterval(seconds)
        while true {
            if let mark = Data(buffer).range(of: Data("\r\n\r\n".utf8)) {
                let lines = String(decoding: buffer[..<mark.lowerBound], as: UTF8.self).components(
                    separatedBy: "\r\n")
                buffer.removeFirst(mark.upperBound)
                var fields: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    fields[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                        .trimmingCharacters(in: .whitespaces)
                }
                guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
                else {
                    throw SocketFailure(description: "no status line: \(lines.first ?? "")")
                }
                return (status, fields)
            }
            guard let bytes = try receive(within: end.timeIntervalSinceNow) else {
                throw SocketFailure(description: "no head within \(seconds) s")
            }
            guard !bytes.isEmpty else { throw SocketFailure(description: "closed before a head came") }
            buffer += bytes
        }
    }

    /// Reads one whole answer, by Content-Length or to the end.
    public func readAnswer(to method: String = "GET", within seconds: Double = 60) throws -> Answer {
        let end = Date().addingTimeInterval(seconds)
        let (status, fields) = try readHead(within: seconds)
        var body: [UInt8] = []
        if method != "HEAD", status != 204, status != 304 {
            let length = fields["content-length"].flatMap { Int($0) }
            while length.map({ body.count < $0 }) ?? true {
                let left = length.map { $0 - body.count } ?? 65_536
                guard let bytes = try read(within: end.timeIntervalSinceNow, atMost: min(left, 65_536)) else {
                    throw SocketFailure(description: "no body within \(seconds) s")
                }
                if bytes.isEmpty {
                    if length == nil { break }
                    throw SocketFailure(description: "the body ends early")
                }
                body += bytes
            }
        }
        return Answer(status: status, fields: fields, body: Data(body))
    }

    /// A request on a connection of its own.
    public static func ask(
        port: UInt16, _ method: String = "GET", _ target: String, token: String? = nil,
        headers: [(String, String)] = [], body: String? = nil
    ) throws -> Answer {
        let socket = try TillSocket(port: port)
        var headers = headers + [("Connection", "close")]
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if body != nil { headers.append(("Content-Type", "application/json")) }
        try socket.request(method, target, headers: headers, body: body.map { Data($0.utf8) })
        return try socket.readAnswer(to: method)
    }
}
