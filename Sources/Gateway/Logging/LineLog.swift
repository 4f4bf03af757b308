// Logs as lines on standard error: text for people, JSON for machines. One event is one line whatever a
// client sent: control characters are escaped. Secrets do not get here in the first place (`Secret` prints
// as dots, paths are logged without their query); a last look over every line takes out what reads like one
// all the same.

import Domain
import Glibc
public import Lanes
public import Logging
public import Settings
import Synchronization

/// The least that is worth a line: shared by copies of a log, so that a reload reaches them all.
/// From any lane.
public final class LogThreshold: Sendable {
    private let least: Mutex<Logger.Level>

    public init(_ level: Logger.Level) { least = Mutex(level) }

    public var level: Logger.Level {
        get { least.withLock { $0 } }
        set { least.withLock { $0 = newValue } }
    }
}

/// Writes log lines. A value, as swift-log wants it.
public struct LineLog: LogHandler {
    public var logLevel: Logger.Level {
        get { threshold.level }
        set { threshold = LogThreshold(newValue) }
    }
    public var metadata: Logger.Metadata = [:]
    private var threshold: LogThreshold
    private let format: LogFormat
    private let clock: WallClock
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameter write: Takes one whole line; standard error by default.
    public init(
        format: LogFormat, level: LogThreshold, clock: WallClock = .system,
        write: @escaping @Sendable ([UInt8]) -> Void = LineLog.toStandardError
    ) {
        self.format = format
        threshold = level
        self.clock = clock
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let level = event.level
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.map {
            ($0.key, Redaction.redacted("\($0.value)"))
        }
        .sorted { $0.0 < $1.0 }
        let text = Redaction.redacted("\(event.message)")
        write(format == .json ? json(level, text, all) : plain(level, text, all))
    }

    private func plain(_ level: Logger.Level, _ message: String, _ fields: [(String, String)]) -> [UInt8] {
        var line = "\(clock.now) \(level.rawValue) \(Self.escaped(message))"
        for (name, value) in fields { line += " \(name)=\(Self.escaped(value, quoting: true))" }
        return Array((line + "\n").utf8)
    }

    private func json(_ level: Logger.Level, _ message: String, _ fields: [(String, String)]) -> [UInt8] {
        var json = JSONWriter(reserving: 256)
        json.raw("{\"time\":\"")
        json.raw(clock.now.utf8)
        json.raw("\",\"level\":")
        json.string(level.rawValue)
        json.raw(",\"message\":")
        json.string(message)
        for (name, value) in fields {
            json.byte(0x2C)
            json.name(name)
            json.string(value)
        }
        json.raw("}\n")
        return json.bytes
    }

    /// Control characters and line separators as `\u{1B}`; with quotes where a space would be misread.
    private static func escaped(_ text: String, quoting: Bool = false) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029:
                out += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            case 0x22 where quoting: out += "\\\""
            default: out.unicodeScalars.append(scalar)
            }
        }
        return quoting && (out.isEmpty || out.contains(" ") || out.contains("=")) ? "\"\(out)\"" : out
    }

    /// One `write(2)`: lines of several threads do not mix.
    public static func toStandardError(_ line: [UInt8]) { _ = unsafe Glibc.write(2, line, line.count) }
}

/// The last look: what reads like a credential is not written down.
enum Redaction {
    /// Replaces bearer tokens, tickets, cookies, anything of the form `<digits>|<secret>`, and forty letters
    /// and digits in a row: secrets of ours are that long, wherever a client has put them; ids and positions
    /// are not.
    static func redacted(_ text: String) -> String {
        var out = ""
        var word = ""
        var hidesNext = false
        func flush() {
            out += hidesNext && !word.isEmpty ? "•••" : masked(word)
            if !word.isEmpty { hidesNext = word.lowercased() == "bearer" }
            word = ""
        }
        for character in text {
            if character == " " || character == "\n" || character == "\t" {
                flush()
                out.append(character)
            } else {
                word.append(character)
            }
        }
        flush()
        return out
    }

    private static func masked(_ word: String) -> String {
        for mark in ["ticket=", "token=", "tidings_"] {
            guard let start = word.firstRange(of: mark) else { continue }
            let rest = word[start.upperBound...]
            let secret = rest.prefix { $0 != "&" && $0 != ";" && $0 != "\"" }
            // A metric or a table of ours begins with `tidings_` too; a cookie has a value.
            if mark == "tidings_" && !secret.contains("=") { continue }
            return word[..<start.upperBound] + "•••" + masked(String(rest.dropFirst(secret.count)))
        }
        guard let bar = word.firstIndex(of: "|") else { return withoutLongRuns(word) }
        let digits = word[..<bar].reversed().prefix { $0.isNumber }.count
        let secret = word[word.index(after: bar)...].prefix { $0.isLetter || $0.isNumber }
        guard digits > 0, secret.count >= 20 else { return withoutLongRuns(word) }
        return word[...bar] + "•••" + withoutLongRuns(String(word[secret.endIndex...]))
    }

    private static func withoutLongRuns(_ word: String) -> String {
        guard word.utf8.count >= 40 else { return word }
        return word.split(omittingEmptySubsequences: false) { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
            .filter { $0.count >= 40 }
            .reduce(word) { $0.replacing($1, with: "•••") }
    }
}
