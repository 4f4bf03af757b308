// What was served last, beside the database: `epoch seq nonce boot clean`. A database that comes back older
// than this, or with another row at that seq, is another history, and everyone who was served must be told.
// Replaced by rename and fsync; it only ever holds a seq that was served.

public import Domain
import Glibc

/// The last served place, as stored.
public struct ServedMark: Hashable, Sendable {
    public var epoch: Epoch
    public var seq: Seq
    public var nonce: NonceTag
    /// The kernel's boot id when it was written.
    public var boot: String
    /// Whether the gateway ended in order.
    public var clean: Bool

    var line: String {
        let boot = boot.isEmpty ? "-" : boot
        let state = clean ? "clean" : "running"
        return "tidings-served 1 \(epoch) \(seq) \(nonce.rawValue) \(boot) \(state)\n"
    }

    init(head: Head, boot: String, clean: Bool) {
        epoch = head.epoch
        seq = head.seq
        nonce = head.nonce
        self.boot = boot
        self.clean = clean
    }

    init?(line: String) {
        let words = line.split { $0 == " " || $0 == "\n" }
        guard words.count == 7, words[0] == "tidings-served", words[1] == "1",
            let epoch = Epoch(hex: String(words[2])),
            let seq = Int64(words[3]), let nonce = UInt16(words[4])
        else { return nil }
        self.epoch = epoch
        self.seq = Seq(seq)
        self.nonce = NonceTag(nonce)
        boot = String(words[5])
        clean = words[6] == "clean"
    }
}

/// What a crash of the machine can have taken. A commit that did not wait for the disk may be gone after one,
/// though it was served; the rows that follow stand at the same seqs.
public struct CrashRule: Hashable, Sendable {
    /// The boot of the machine that this is; empty: not known, and taken for another one each time.
    public let boot: String
    /// Whether every writer of the file commits at `synchronous=FULL`; false also when nobody can say.
    public let everyWriterWaits: Bool

    public init(boot: String, everyWriterWaits: Bool) {
        self.boot = boot
        self.everyWriterWaits = everyWriterWaits
    }

    /// Of this machine, since it was started last.
    public static func here(everyWriterWaits: Bool) -> CrashRule {
        CrashRule(boot: SideFile.bootID, everyWriterWaits: everyWriterWaits)
    }

    /// Whether all that was served when `mark` was written is still to be found.
    func keeps(_ mark: ServedMark) -> Bool {
        mark.clean || everyWriterWaits || (!boot.isEmpty && mark.boot == boot)
    }
}

/// The file that holds it. Lives on the tailer's lane.
struct SideFile {
    let path: String

    /// Nil when it is missing or not readable as one.
    func read() -> ServedMark? { readText(path).flatMap(ServedMark.init(line:)) }

    /// - Throws: `SideFileFailed`; the old one then still stands.
    func replace(with mark: ServedMark) throws {
        let temporary = path + ".new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SideFileFailed(errno: errno) }
        let bytes = Array(mark.line.utf8)
        let written = unsafe write(descriptor, bytes, bytes.count)
        let synced = fsync(descriptor)
        close(descriptor)
        guard written == bytes.count, synced == 0, unsafe rename(temporary, path) == 0 else {
            throw SideFileFailed(errno: errno)
        }
    }

    /// Changes with every boot of the machine.
    static var bootID: String {
        (readText("/proc/sys/kernel/random/boot_id") ?? "").split(separator: "\n").first.map(String.init)
            ?? ""
    }

    private static func readText(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    private func readText(_ path: String) -> String? { Self.readText(path) }
}

/// The side file could not be replaced.
public struct SideFileFailed: Error {
    public let errno: Int32
}
