// gzip (RFC 1952) by zlib: answers at once, long ones piece by piece. Blocks: never on a loop for more than a
// small answer.

import CZlib

/// A gzip frame in the making; a class because zlib's state points at itself. Lives on its maker's lane.
@safe public final class Gzip {
    private var stream = unsafe z_stream()
    private var output = [UInt8](repeating: 0, count: 32 * 1_024)

    /// JSON shrinks to about an eighth at this level; higher ones cost several times as much for a tenth
    /// less.
    private static let level: Int32 = 1

    public init() {
        let code = unsafe czlib_gzip_init(&stream, Self.level)
        precondition(code == Z_OK, "zlib takes no parameters of ours, or there is no memory")
    }

    deinit { unsafe deflateEnd(&stream) }

    /// Compresses a piece; what comes out may belong to pieces before it.
    ///
    /// - Parameters:
    ///   - isLast: The frame is ended; the object is spent.
    ///   - write: Takes the compressed bytes, 32 KiB at most at a time.
    public func add(_ piece: [UInt8], isLast: Bool = false, write: ([UInt8]) throws -> Void) rethrows {
        var piece = piece
        let size = piece.count
        var produced: [[UInt8]] = []
        unsafe piece.withUnsafeMutableBufferPointer { input in
            unsafe stream.next_in = input.baseAddress
            unsafe stream.avail_in = UInt32(size)
            repeat {
                let count = deflateOnce(isLast ? Z_FINISH : Z_NO_FLUSH)
                if count > 0 { produced.append(Array(output[..<count])) }
            } while unsafe stream.avail_out == 0
            unsafe stream.next_in = nil
        }
        for bytes in produced { try write(bytes) }
    }

    /// Fills the output buffer as far as there is input. Returns how many bytes are in it.
    private func deflateOnce(_ flush: Int32) -> Int {
        let capacity = output.count
        return unsafe output.withUnsafeMutableBufferPointer { buffer in
            unsafe stream.next_out = buffer.baseAddress
            unsafe stream.avail_out = UInt32(capacity)
            let code = unsafe deflate(&stream, flush)
            precondition(code != Z_STREAM_ERROR, "zlib's state is broken")
            return capacity - Int(unsafe stream.avail_out)
        }
    }

    /// A whole answer's frame.
    public static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(bytes.count / 4 + 64)
        Gzip().add(bytes, isLast: true) { frame.append(contentsOf: $0) }
        return frame
    }
}

extension Request {
    /// Whether `Accept-Encoding` (RFC 9110 § 12.5.3) wants gzip at least as much as plain bytes.
    public var acceptsGzip: Bool {
        var gzip: Double?
        var identity: Double?
        var any: Double?
        for element in list("accept-encoding") {
            let parts = element.split(separator: ";").map {
                $0.filter { $0 != " " && $0 != "\t" }.lowercased()
            }
            guard let coding = parts.first else { continue }
            let weight =
                parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            switch coding {
            case "gzip", "x-gzip": gzip = weight
            case "identity": identity = weight
            case "*": any = weight
            default: break
            }
        }
        guard let wanted = gzip ?? any, wanted > 0 else { return false }
        return wanted >= identity ?? 0
    }
}
