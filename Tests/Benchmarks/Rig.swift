// What is measured: Tidings, the floor, Nchan. Each serves streams of numbered channels and has a
// publisher; a channel of Tidings is a business. Servers run on the first core, everything else on the
// second.

import Foundation
import Glibc
import TidingsTesting

/// How many streams each channel has, and how much of it is said.
struct Layout {
    /// Streams of each channel.
    var streams: [Int]
    /// Frames a channel keeps for streams that come later.
    var backlog = 0

    /// Streams spread evenly.
    init(streams: Int, channels: Int, backlog: Int = 0) {
        self.streams = (0..<channels).map { (streams - $0 + channels - 1) / channels }
        self.backlog = backlog
    }

    init(_ streams: [Int]) { self.streams = streams }

    var total: Int { streams.reduce(0, +) }
}

/// Publications to make: number n goes to channel `first + n % channels`.
struct Publishing {
    var count: Int
    /// A second; 0: as fast as they are taken.
    var rate = 0.0
    var channels = 1
    var first = 0
    /// Rows in one transaction, each with a stamp; the others' messages are that much larger instead.
    var bulk = 1
    /// Whether the publisher is served before its neighbours on the core, where that may be asked.
    var isFirst = false

    /// How many stamps the streams of a layout receive of it.
    func expected(by layout: Layout, stampsEach: Int) -> Int {
        (0..<count).reduce(0) { $0 + layout.streams[first + $1 % channels] } * stampsEach
    }
}

/// A server under load. Ended with this object. Lives on the main thread.
protocol Rig: AnyObject {
    var name: String { get }
    var port: UInt16 { get }
    /// The process whose figures count.
    var pid: pid_t { get }
    /// What a stream receives once it is served.
    var readyMark: String { get }
    /// Requests for a channel's streams: target, bearer token, last event id; `-` for nothing.
    func requests(channel: Int, count: Int) -> [(target: String, bearer: String, lastID: String)]
    /// Stamps in one publication.
    func stamps(_ publishing: Publishing) -> Int
    /// Starts a process that publishes and ends.
    func publish(_ publishing: Publishing) throws -> Child
}

extension Rig {
    var usage: Usage { Usage(of: pid) }
    func stamps(_ publishing: Publishing) -> Int { 1 }
}

/// Bytes of one event as Tidings sends a changed brand; the others are given as much.
let frameBytes = 560

// MARK: The floor

/// `tidings-load floor`. Lives on the main thread.
final class FloorRig: Rig {
    let name = "floor"
    let port: UInt16
    let readyMark = "event: ready"
    private let server: Child
    var pid: pid_t { server.pid }

    init(_ layout: Layout) throws {
        server = try Child(
            Child.sibling("tidings-load"), ["floor", "--backlog", "\(layout.backlog)"], core: 0)
        let line = try server.line()
        guard let port = line.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw SocketFailure(description: "the floor did not start: \(line)")
        }
        self.port = port
    }

    func requests(channel: Int, count: Int) -> [(target: String, bearer: String, lastID: String)] {
        Array(repeating: ("/sub/\(channel)", "-", "-"), count: count)
    }

    func publish(_ publishing: Publishing) throws -> Child { try post(publishing, to: port, isFrame: true) }
}

/// Starts the publisher of the floor and of Nchan.
private func post(_ publishing: Publishing, to port: UInt16, isFrame: Bool) throws -> Child {
    try Child(
        Child.sibling("tidings-load"),
        [
            "publish", "--port", "\(port)", "--prefix", "/pub/", "--channels", "\(publishing.channels)",
            "--first", "\(publishing.first)", "--count", "\(publishing.count)", "--rate",
            "\(publishing.rate)",
            "--connections", "\(min(16, publishing.channels))", "--bytes", "\(frameBytes * publishing.bulk)",
            "--frame", isFrame ? "1" : "0",
        ], core: 1, isFirst: publishing.isFirst)
}

// MARK: Nchan

/// nginx with Nchan from Debian's packages: one worker, messages in shared memory. Lives on the main thread.
final class NchanRig: Rig {
    let name = "nchan"
    let port: UInt16
    let pid: pid_t
    let readyMark = ": hi"
    private let server: Child
    private let directory: URL

    static let module = "/usr/lib/nginx/modules/ngx_nchan_module.so"
    static var isPresent: Bool {
        FileManager.default.fileExists(atPath: module)
            && FileManager.default.isExecutableFile(atPath: "/usr/sbin/nginx")
    }

    init(_ layout: Layout) throws {
        directory = try temporaryDirectory()
        port = try ownPort()
        let configuration = directory.appendingPathComponent("nginx.conf")
        let files = getrlimitOpenFiles()
        try """
        load_module \(Self.module);
        daemon off; worker_processes 1; user root; pid \(directory.path)/nginx.pid;
        error_log \(directory.path)/error.log; worker_rlimit_nofile \(files);
        events { worker_connections \(files - 100); use epoll; multi_accept on; }
        http {
          access_log off; nchan_shared_memory_size 512M;
          client_body_temp_path \(directory.path)/body; proxy_temp_path \(directory.path)/proxy;
          fastcgi_temp_path \(directory.path)/fastcgi; uwsgi_temp_path \(directory.path)/uwsgi;
          scgi_temp_path \(directory.path)/scgi;
          server {
            listen 127.0.0.1:\(port) backlog=16384;
            location ~ ^/pub/(\\d+)$ {
              nchan_publisher; nchan_channel_id $1; nchan_message_timeout 10m;
              nchan_message_buffer_length \(max(10, layout.backlog));
            }
            location ~ ^/sub/(\\d+)$ {
              nchan_subscriber eventsource; nchan_channel_id $1;
              nchan_subscriber_first_message \(layout.backlog > 0 ? "oldest" : "newest");
            }
          }
        }
        """.write(to: configuration, atomically: true, encoding: .utf8)
        server = try Child(
            "/usr/sbin/nginx",
            ["-p", directory.path, "-c", configuration.path, "-e", "\(directory.path)/error.log"], core: 0)
        let master = server.pid
        let worker = waitFor(seconds: 20) { () -> pid_t? in
            let children = try? String(
                contentsOfFile: "/proc/\(master)/task/\(master)/children", encoding: .utf8)
            return children?.split(separator: " ").first.flatMap { pid_t($0) }
        }
        guard let worker else { throw SocketFailure(description: "nginx did not start") }
        pid = worker
        usleep(300_000)
    }

    deinit {
        // The master takes its worker with it.
        kill(server.pid, SIGTERM)
        usleep(300_000)
        try? FileManager.default.removeItem(at: directory)
    }

    func requests(channel: Int, count: Int) -> [(target: String, bearer: String, lastID: String)] {
        Array(repeating: ("/sub/\(channel)", "-", "-"), count: count)
    }

    func publish(_ publishing: Publishing) throws -> Child { try post(publishing, to: port, isFrame: false) }
}

// MARK: Common

func temporaryDirectory() throws -> URL {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
        "tidings-bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    return directory
}

/// How many files a process may have open.
func getrlimitOpenFiles() -> Int { sysconf(Int32(_SC_OPEN_MAX)) }
